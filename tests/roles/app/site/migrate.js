// Stands for a migration: leaves one line for each time that it was run.
'use strict';
const fs = require('fs');

if (process.env.MIGRATION_FAILS) {
  console.error(`cannot reach mongodb://www:${process.env.SECRET}@db1/www`);
  process.exit(3);
}
setTimeout(() => {
  fs.appendFileSync('public/uploads/migrated.log', `${process.env.RELEASE}\n`);
}, Number(process.env.MIGRATION_SECONDS || 0) * 1000);
