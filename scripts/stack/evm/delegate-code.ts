/**
 * Writes src/gateways/evm/delegate-code.ts from contracts/PaytomatDelegate.sol: `node scripts/run.mjs
 * scripts/stack/evm/delegate-code.ts`. The file is committed, because the Workers have no compiler; a test holds that it is what solc
 * gives. A change of it changes the address of every delegate (docs/evm-sweeping.md).
 */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileContract } from './compile.ts'

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))
const LINE = 128

export async function delegateCodeFile(): Promise<string> {
  const { bytecode } = await compileContract('PaytomatDelegate')
  const lines = bytecode.slice(2).match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []
  return (
    '// Written by scripts/stack/evm/delegate-code.ts from contracts/PaytomatDelegate.sol.\n' +
    '/** Creation code, without the argument of the constructor. Hexadecimal without 0x. */\n' +
    `export const DELEGATE_CREATION_CODE =\n${lines.map((line) => `  '${line}'`).join(' +\n')}\n`
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(ROOT, 'src/gateways/evm/delegate-code.ts'), await delegateCodeFile())
}
