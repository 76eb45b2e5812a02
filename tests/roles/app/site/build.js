// Stands for an asset build: takes a moment, and writes what only the build can know.
'use strict';
const fs = require('fs');

setTimeout(() => {
  fs.writeFileSync('public/built.txt', `${process.env.RELEASE} ${process.env.BUILD_ONLY}\n`);
  // Named by the release, as hashed assets are.
  fs.mkdirSync('public/assets', { mode: 0o700 });
  fs.writeFileSync(`public/assets/${process.env.RELEASE}.css`, '', { mode: 0o600 });
  console.log('built');
}, Number(process.env.BUILD_SECONDS || 0) * 1000);
