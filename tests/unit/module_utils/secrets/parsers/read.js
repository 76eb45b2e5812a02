// Reads a list of files from its input and prints what Node.js sees in each: an object, or null where it sees none.
// Run by tests/support/parsers.py, in a folder that has the package dotenv.
const { parseEnv } = require('util')
const dotenv = require(process.cwd() + '/node_modules/dotenv')

async function see ({ format, text }) {
  try {
    if (format === 'dotenv') return dotenv.parse(text)
    if (format === 'node') return parseEnv(text)
    if (text.includes('export default')) {
      return (await import('data:text/javascript;base64,' + Buffer.from(text).toString('base64'))).default
    }
    const module = { exports: {} }
    // eslint-disable-next-line no-new-func
    new Function('module', 'exports', 'require', 'process', text)(module, module.exports, require, process)
    return module.exports
  } catch (error) {
    return null
  }
}

async function main () {
  let input = ''
  for await (const part of process.stdin.setEncoding('utf8')) input += part
  const seen = []
  for (const file of JSON.parse(input)) seen.push(await see(file) ?? null)
  process.stdout.write(JSON.stringify(seen))
}

main()
