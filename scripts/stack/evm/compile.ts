import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A contract ready to be deployed. */
export interface CompiledContract {
  readonly abi: readonly unknown[]
  /** Creation code in hexadecimal with 0x. */
  readonly bytecode: `0x${string}`
}

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))
const BUILD_DIR = join(ROOT, '.paytomat', 'build')
const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: 'prague',
  // A comment that changes must not change a contract's address (CREATE2).
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
}

/**
 * Compiles `contracts/<name>.sol` with the solc of package.json. The compiler takes seconds to load, so its output is
 * kept under `.paytomat/build` by a hash of source, settings and compiler version. Throws with solc's words on an error.
 */
export async function compileContract(name: string): Promise<CompiledContract> {
  const require = createRequire(import.meta.url)
  const source = readFileSync(join(ROOT, 'contracts', `${name}.sol`), 'utf8')
  const { version } = require('solc/package.json') as { version: string }
  const hash = createHash('sha256')
    .update(JSON.stringify([version, SETTINGS, source]))
    .digest('hex')
    .slice(0, 24)
  const path = join(BUILD_DIR, `${name}-${hash}.json`)
  const kept = readKept(path)
  if (kept) return kept

  const solc = require('solc') as { compile(input: string): string }
  const input = { language: 'Solidity', sources: { [`${name}.sol`]: { content: source } }, settings: SETTINGS }
  const contract = readOutput(name, JSON.parse(solc.compile(JSON.stringify(input))) as SolcOutput)
  mkdirSync(BUILD_DIR, { recursive: true })
  const part = `${path}.${process.pid}.part`
  writeFileSync(part, JSON.stringify(contract))
  renameSync(part, path)
  return contract
}

/** The parts used of Solidity's standard JSON output. */
interface SolcOutput {
  readonly errors?: readonly { severity: string; formattedMessage: string }[]
  readonly contracts?: Record<string, Record<string, { abi: unknown[]; evm: { bytecode: { object: string } } }>>
}

function readOutput(name: string, output: SolcOutput): CompiledContract {
  const errors = (output.errors ?? []).filter((error) => error.severity === 'error')
  const contract = output.contracts?.[`${name}.sol`]?.[name]
  if (errors.length > 0 || !contract) {
    throw new Error(`contracts/${name}.sol: ${errors.map((error) => error.formattedMessage).join('\n') || 'no such contract'}`)
  }
  return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` }
}

function readKept(path: string): CompiledContract | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as CompiledContract
  } catch {
    return null
  }
}
