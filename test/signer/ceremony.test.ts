import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type SealedFile, sealedFile } from '../../scripts/ceremony/sealed-file.ts'
import { newWords, wordsFault } from '../../scripts/ceremony/words.ts'
import { openSeed, readKek } from '../../src/signer/seal.ts'
import { TEST_KEK } from './wallets.ts'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'paytomat-ceremony-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** As on a machine without a network: Node's permission model lets it read and write files, and nothing else. */
function ceremony(args: readonly string[], { input = '', kek = TEST_KEK }: { input?: string; kek?: string } = {}) {
  const offline = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*']
  return spawnSync(process.execPath, [...offline, join(root, 'scripts/ceremony.ts'), ...args], {
    encoding: 'utf8',
    cwd: folder,
    input,
    env: { PATH: process.env.PATH, SIGNER_KEK: kek },
  })
}

const ABANDON = `${'abandon '.repeat(11)}about`
const kek = readKek(TEST_KEK)
if (!kek.ok) throw new Error(kek.error)

describe('the ceremony', { timeout: 30_000 }, () => {
  test('shows 24 words once, and seals their seed for each wallet without a network', async () => {
    const run = ceremony(['--yes', '--network', 'regtest', '--out', 'one.json'])
    expect(run.status).toBe(0)
    const words = [...run.stdout.matchAll(/\d+ ([a-z]+)/g)].slice(0, 24).map(([, word]) => word)
    expect(wordsFault(words.join(' '))).toBeNull()
    const text = readFileSync(join(folder, 'one.json'), 'utf8')
    expect(statSync(join(folder, 'one.json')).mode & 0o777).toBe(0o600)
    const file = JSON.parse(text) as SealedFile
    expect(file.wallets.map(({ kind }) => kind)).toEqual(['bitcoin', 'evm'])
    // The words make the same wallets again, and the file has none of them.
    expect(
      (await sealedFile(words.join(' '), ['bitcoin', 'evm'], 'regtest', kek.value)).wallets.map(({ walletId }) => walletId),
    ).toEqual(file.wallets.map(({ walletId }) => walletId))
    for (const { envelope } of file.wallets) {
      const seed = await openSeed(kek.value, envelope)
      expect(seed.ok && text.includes(Buffer.from(seed.value).toString('hex'))).toBe(false)
    }
    const withoutNames = JSON.stringify(file.wallets.map(({ envelope: { salt, iv, sealed } }) => [salt, iv, sealed]))
    expect(words.slice(0, 3).every((word) => !withoutNames.includes(` ${word} `))).toBe(true)
  })

  test('brings wallets back from words: those that other programs make of them', () => {
    const run = ceremony(
      ['--yes', '--restore', '--out', 'two.json', '--wallet', 'bitcoin', '--wallet', 'bitcoin-taproot', '--wallet', 'evm'],
      {
        input: `  ${ABANDON.toUpperCase()}\n`,
      },
    )
    expect(run).toMatchObject({ status: 0, stderr: '' })
    expect(run.stdout).not.toContain('abandon')
    // BIP 84, BIP 86 test vectors, and the first address that every EVM wallet shows for these words.
    expect(run.stdout).toContain('bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu')
    expect(run.stdout).toContain('bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr')
    expect(run.stdout).toContain('0x9858EfFD232B4033E47d90003D41EC34EcaEda94')
  })

  test('refuses in words, and writes nothing', () => {
    const refusal = (args: readonly string[], options = {}) => {
      const run = ceremony(['--out', 'none.json', ...args], options)
      expect(run.status).toBe(1)
      return run.stderr
    }
    expect(refusal([])).toContain('Nobody can answer here')
    expect(refusal(['--yes'], { kek: '' })).toContain('SIGNER_KEK is not set')
    expect(refusal(['--yes', '--wallet', 'doge'])).toContain('no wallet "doge"')
    expect(refusal(['--yes', '--restore'], { input: 'abandon '.repeat(12) })).toContain('do not belong together')
    expect(existsSync(join(folder, 'none.json'))).toBe(false)
    writeFileSync(join(folder, 'there.json'), 'mine')
    expect(refusal(['--yes', '--out', 'there.json'])).toContain('there already')
    expect(readFileSync(join(folder, 'there.json'), 'utf8')).toBe('mine')
    const nowhere = ceremony(['--yes', '--out', 'no-such-folder/a.json'])
    expect(nowhere).toMatchObject({ status: 1, stdout: '', stderr: 'There is no folder no-such-folder.\n' })
    expect(refusal(['kek', '--out', 'there.json'])).toContain('there already')
  })

  test('makes keys that it takes, from a file and from the secrets of npm start', () => {
    const made = ceremony(['kek']).stdout
    expect(readKek(made).ok).toBe(true)
    writeFileSync(join(folder, 'kek'), made)
    writeFileSync(join(folder, 'secrets.json'), JSON.stringify({ signerKek: made.trim() }))
    // npm writes lines of its own to where `>` leads.
    expect(ceremony(['kek', '--out', 'kek-file'])).toMatchObject({ status: 0, stdout: '' })
    expect(statSync(join(folder, 'kek-file')).mode & 0o777).toBe(0o600)
    for (const [at, name] of ['kek', 'secrets.json', 'kek-file'].entries())
      expect(ceremony(['--yes', '--wallet', 'evm', '--kek', name, '--out', `kek-${at}.json`], { kek: '' }).status).toBe(0)
  })
})

test('words are checked before they are taken', () => {
  expect(wordsFault(ABANDON)).toBeNull()
  expect(wordsFault('abandon abandon')).toContain('These are 2 words')
  expect(wordsFault(`${ABANDON.slice(0, -5)}zzzzz`)).toContain('Word 12 is none of the list')
  expect(wordsFault('abandon '.repeat(12).trim())).toContain('do not belong together')
})

test('words are never the same twice', () => {
  expect(new Set(Array.from({ length: 20 }, newWords)).size).toBe(20)
})
