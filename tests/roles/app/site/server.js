// A tiny app without packages: says which release and settings it runs with, and stops cleanly.
'use strict';
const fs = require('fs');
const http = require('http');

const shown = { release: process.env.RELEASE, greeting: process.env.GREETING, pid: process.pid, cwd: process.cwd() };
const server = http.createServer((request, response) => {
  if (request.url === '/healthz') {
    response.writeHead(process.env.BROKEN ? 500 : 200);
    return response.end('ok\n');
  }
  if (request.url === '/slow') return setTimeout(() => response.end('slow\n'), 700);
  if (request.url === '/files') {
    fs.writeFileSync('public/uploads/written', 'x');
    fs.writeFileSync('data/temp/written', 'x');
    return response.end(fs.readFileSync('data/config.json'));
  }
  response.setHeader('Connection', 'close');
  response.end(JSON.stringify({ ...shown, env: request.url === '/env' ? process.env : undefined }));
});
server.listen(process.env.PORT, process.env.ADDRESS);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
