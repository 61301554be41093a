/**
 * `npm run lock`, after every `npm install` that changed something: puts the packages of other systems back into
 * package-lock.json. npm leaves out an optional package that its registry does not have at that moment, and then
 * `npm ci` refuses the file wherever it does. What is added has no checksum: npm learns it where it installs it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Lock, missingOptional, platformOf } from './lockfile.ts'

const path = join(import.meta.dirname, '../package-lock.json')
const lock = JSON.parse(readFileSync(path, 'utf8')) as Lock
const missing = missingOptional(lock)
for (const { name, version, dev } of missing) {
  lock.packages[`node_modules/${name}`] = { version, ...platformOf(name), ...(dev ? { dev } : {}), optional: true }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(missing.length === 0 ? 'package-lock.json is complete' : `added: ${missing.map(({ name }) => name).join(', ')}`)
