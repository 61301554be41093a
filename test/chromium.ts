import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { isExecutable } from './programs.ts'

/** Where a Chromium usually is: Linux, then macOS. */
const USUAL = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/microsoft-edge',
  ...['Google Chrome', 'Chromium', 'Microsoft Edge'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
]
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]
const UNPACKED = join(import.meta.dirname, '../node_modules/.cache/chromium')

/**
 * The Chromium named by PAYTOMAT_CHROMIUM and no other; else the machine's; else the one from npm. Throws an error that
 * says what to install when none starts.
 */
export async function launchChromium(): Promise<Browser> {
  const named = process.env.PAYTOMAT_CHROMIUM
  const complaints: string[] = []
  for (const executablePath of named ? [named] : USUAL.filter(isExecutable)) {
    try {
      return await chromium.launch({ executablePath, args: QUIET })
    } catch (error) {
      complaints.push(`${executablePath}: ${firstLines(error)}`)
    }
  }
  if (!named) {
    try {
      return await launchPacked()
    } catch (error) {
      complaints.push(`@sparticuz/chromium: ${firstLines(error)}`)
    }
  }
  throw new Error(
    'The browser tests need Chromium. Install it ("apt-get install chromium", "brew install --cask chromium"), ' +
      `or name the one you have by PAYTOMAT_CHROMIUM=/path/to/it.\n${complaints.join('\n')}`,
  )
}

/**
 * The one from npm, with the libraries it needs beside it: the package has them (NSS, NSPR, expat), but unpacks them
 * in Amazon's functions only. Its own arguments are left out: they turn off what the tests look at, the web's security.
 */
async function launchPacked(): Promise<Browser> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('is for Linux on x64 only')
  await unpack()
  const env = {
    ...(process.env as Record<string, string>),
    LD_LIBRARY_PATH: [join(UNPACKED, 'al2023/lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    // A machine without fonts of its own has no folder that says where they are.
    ...(existsSync('/etc/fonts') ? {} : { FONTCONFIG_PATH: join(UNPACKED, 'fonts') }),
  }
  return chromium.launch({ executablePath: join(UNPACKED, 'chromium'), args: [...QUIET, '--no-zygote'], env })
}

/** Unpacks into a folder that gets its name when it is whole: who is killed on the way leaves no half browser behind. */
async function unpack(): Promise<void> {
  if (existsSync(UNPACKED)) return
  mkdirSync(dirname(UNPACKED), { recursive: true })
  const half = mkdtempSync(`${UNPACKED}-`)
  const { default: packed, inflate } = await import('@sparticuz/chromium')
  const files = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../bin')
  const before = process.env.TMPDIR
  // The package unpacks into the folder for temporary files, whatever that is.
  process.env.TMPDIR = half
  try {
    await Promise.all([packed.executablePath(), inflate(join(files, 'al2023.tar.br'))])
    renameSync(half, UNPACKED)
  } catch (error) {
    if (!existsSync(UNPACKED)) throw error
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
    rmSync(half, { recursive: true, force: true })
  }
}

function firstLines(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n').slice(0, 6).join('\n  ')
}
