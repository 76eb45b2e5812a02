// Stands for an asset build: takes a moment, and writes what only the build can know.
'use strict';
const fs = require('fs');

setTimeout(() => {
  fs.writeFileSync('public/built.txt', `${process.env.RELEASE} ${process.env.BUILD_ONLY}\n`);
  console.log('built');
}, Number(process.env.BUILD_SECONDS || 0) * 1000);
