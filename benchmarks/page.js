// A page of 4 KiB as an application gives it: node page.js PORT
const { createServer } = require('node:http');

const page = `<!doctype html><title>Page</title>${'<p>Some words of a page.</p>'.repeat(140)}`.padEnd(4096);

createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': Buffer.byteLength(page) });
  response.end(page);
}).listen(Number(process.argv[2]));
