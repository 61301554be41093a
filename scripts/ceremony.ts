/** `npm run ceremony`: makes the seed of hot wallets, offline. See docs/signer.md. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { readKek } from '../src/signer/seal.ts'
import { type Network, sealedFile, WALLET_KINDS, type WalletKind } from './ceremony/sealed-file.ts'
import { confirmWords, newWords, readWords, showWords, wordsFault } from './ceremony/words.ts'
import { readJson, writePrivate } from './stack/processes.ts'
import { Refusal, runTool } from './stack/tool.ts'

const USAGE = `usage: npm run ceremony -- [options]      makes 24 words and seals their seed into a file
       npm run ceremony -- kek            makes a SIGNER_KEK, the key that seeds are sealed under: shown, or with --out in a file

  --wallet <kind>     ${WALLET_KINDS.join(', ')}; once for each wanted (bitcoin and evm unless said)
  --network <name>    of Bitcoin and Litecoin: mainnet (unless said), testnet, regtest
  --kek <file>        where SIGNER_KEK is: its text alone, or the secrets.json of "npm start"; else the environment has it
  --out <file>        where the sealed seed goes (hot-wallets.json unless said), or the SIGNER_KEK; never over another file
  --restore           takes words that you have instead of making new ones
  --yes               asks nothing: for scripts

Do it on a machine without a network. The words are shown once and written nowhere: whoever has them has the money, and
without them nobody can bring the wallets back. The file is worth nothing without SIGNER_KEK.`

const NETWORKS: readonly Network[] = ['mainnet', 'testnet', 'regtest']

await runTool(USAGE, main)

async function main(): Promise<number> {
  const { values, positionals } = readArguments()
  const [order, ...more] = positionals
  if (more.length > 0 || (order !== undefined && order !== 'kek'))
    throw new Refusal(`"${positionals.at(-1)}" is one too many.\n\n${USAGE}`)
  if (order === 'kek') {
    const text = randomBytes(32).toString('base64')
    if (values.out === undefined) console.log(text)
    else writePrivate(freePath(values.out), `${text}\n`)
    return 0
  }
  const kinds = values.wallet ?? ['bitcoin', 'evm']
  const unknown = kinds.find((kind) => !WALLET_KINDS.includes(kind as WalletKind))
  if (unknown !== undefined) throw new Refusal(`There is no wallet "${unknown}": ${WALLET_KINDS.join(', ')}.`)
  const network = (values.network ?? 'mainnet') as Network
  if (!NETWORKS.includes(network)) throw new Refusal(`There is no network "${network}": ${NETWORKS.join(', ')}.`)
  const out = freePath(values.out ?? 'hot-wallets.json')
  const kek = kekOf(values.kek)
  const asks = values.yes !== true
  if (asks && !process.stdin.isTTY) throw new Refusal('Nobody can answer here: run it on a terminal, or with --yes.')

  const words = values.restore === true ? await readWords(asks) : newWords()
  const fault = wordsFault(words)
  if (fault !== null) throw new Refusal(fault)
  if (values.restore !== true) {
    showWords(words)
    if (asks) await confirmWords(words)
  }
  const file = await sealedFile(words, [...new Set(kinds)] as WalletKind[], network, kek)
  writePrivate(out, `${JSON.stringify(file, null, 2)}\n`)
  for (const { kind, walletId, account, firstAddress } of file.wallets) {
    console.log(`\n${kind}  ${walletId}\n  account key    ${account.xpub}\n  first address  ${firstAddress}`)
  }
  console.log(`\nSealed into ${out}. Next: npm run signer -- import ${out} --by <you>`)
  return 0
}

function readArguments() {
  try {
    const options = {
      wallet: { type: 'string', multiple: true },
      network: { type: 'string' },
      kek: { type: 'string' },
      out: { type: 'string' },
      restore: { type: 'boolean' },
      yes: { type: 'boolean' },
    } as const
    return parseArgs({ args: process.argv.slice(2), allowPositionals: true, options })
  } catch (error) {
    throw new Refusal(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
  }
}

/** Of a file that can be written: nobody is to find out only after the words were shown. */
function freePath(path: string): string {
  if (existsSync(path)) throw new Refusal(`${path} is there already: name another file with --out.`)
  if (!existsSync(dirname(path))) throw new Refusal(`There is no folder ${dirname(path)}.`)
  return path
}

function kekOf(path: string | undefined): Uint8Array<ArrayBuffer> {
  if (path !== undefined && !existsSync(path)) throw new Refusal(`There is no file ${path}.`)
  const text =
    path === undefined ? process.env.SIGNER_KEK : (readJson<{ signerKek?: string }>(path)?.signerKek ?? readFileSync(path, 'utf8'))
  if (!text) throw new Refusal(`SIGNER_KEK is not set: name a file with --kek. "npm run ceremony -- kek" makes one.`)
  const kek = readKek(text)
  if (!kek.ok) throw new Refusal(`${kek.error}.`)
  return kek.value
}
