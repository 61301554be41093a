import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The processes a stack has started, kept in `<state>/processes.json` so that the next start can end what a
 * `kill -9` of this one leaves behind. A process is known by its id and its whole command line, for ids are used again.
 */
export interface ProcessRecord {
  readonly pid: number
  /** What people call it: `workers`, `bitcoin node`. */
  readonly name: string
  readonly command: string
}

export interface RunningProcess {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

const POLL_MS = 25

/** Every process of this machine that we may see. Linux reads /proc (small images have no `ps`), others ask `ps`. */
export function listProcesses(): RunningProcess[] {
  if (existsSync('/proc/self/stat')) {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => readProc(Number(name)) ?? [])
  }
  return execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,command='], { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 })
    .split('\n')
    .flatMap((line) => parsePs(line) ?? [])
}

/** The command line of a living process, or null. A zombie (ended, not yet collected) counts as ended. */
export function commandOf(pid: number): string | null {
  if (existsSync('/proc/self/stat')) return readProc(pid)?.command ?? null
  try {
    const text = execFileSync('ps', ['-ww', '-p', String(pid), '-o', 'pid=,ppid=,command='], { encoding: 'utf8' })
    return parsePs(text.trimEnd())?.command ?? null
  } catch {
    return null
  }
}

function readProc(pid: number): RunningProcess | null {
  try {
    // Field 2 of stat is the name in brackets and may hold anything, so the fields after the last bracket are read.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    if (state === 'Z' || state === 'X') return null
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim()
    return { pid, parent: Number(parent), command }
  } catch {
    return null
  }
}

function parsePs(line: string): RunningProcess | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)
  if (!match || match[3]?.includes('<defunct>')) return null
  return { pid: Number(match[1]), parent: Number(match[2]), command: match[3] ?? '' }
}

/** Children of this process whose command line holds `text`. */
export function childrenRunning(text: string): RunningProcess[] {
  return listProcesses().filter((running) => running.parent === process.pid && running.command.includes(text))
}

/** Ends every process this one has started, and those that they have started, now. For the last moment before an exit. */
export function killDescendants(): void {
  const all = listProcesses()
  const family = new Set([process.pid])
  // A child may be listed before its parent, so the list is read until it names nobody new.
  for (let size = 0; size < family.size; ) {
    size = family.size
    for (const running of all) if (family.has(running.parent)) family.add(running.pid)
  }
  for (const running of all) if (running.pid !== process.pid && family.has(running.pid)) sendSignal(running, 'SIGKILL')
}

/**
 * Sends the signal, waits up to `graceMs` for the end, then sends SIGKILL. Touches the process only while it runs the
 * command it is known by; a bare id stands for what runs under it now. True when it is gone.
 */
export async function endProcess(
  known: number | { pid: number; command: string },
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<boolean> {
  const { pid, command } = typeof known === 'number' ? { pid: known, command: commandOf(known) } : known
  if (command === null) return true
  for (const attempt of signal === 'SIGKILL' ? (['SIGKILL'] as const) : ([signal, 'SIGKILL'] as const)) {
    if (!sendSignal({ pid, command }, attempt)) return true
    const deadline = Date.now() + graceMs
    while (Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      if (commandOf(pid) !== command) return true
    }
  }
  return false
}

/** False when no process of this id and command runs. */
export function sendSignal({ pid, command }: { pid: number; command: string }, signal: NodeJS.Signals): boolean {
  if (commandOf(pid) !== command) return false
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

export interface ProcessBook {
  /** Remembers a process that runs now; one that has already ended is left out. */
  add(pid: number, name: string): void
  /** Everything has ended. */
  clear(): void
  readonly all: readonly ProcessRecord[]
}

export function openProcessBook(stateDir: string): ProcessBook {
  const path = join(stateDir, 'processes.json')
  let records: ProcessRecord[] = []
  const save = () => writePrivate(path, JSON.stringify(records, null, 2))
  return {
    add(pid, name) {
      const command = commandOf(pid)
      if (command === null) return
      records = [...records.filter((record) => record.pid !== pid), { pid, name, command }]
      save()
    },
    clear() {
      records = []
      rmSync(path, { force: true })
    },
    get all() {
      return records
    },
  }
}

/** Ends what an earlier, killed start left running. Answers the names of what was ended. */
export async function endLeftovers(stateDir: string): Promise<string[]> {
  const path = join(stateDir, 'processes.json')
  const records = readJson<ProcessRecord[]>(path) ?? []
  const left = records.filter((record) => commandOf(record.pid) === record.command)
  await Promise.all(left.map((record) => endProcess(record, 'SIGTERM', 3_000)))
  rmSync(path, { force: true })
  return left.map((record) => record.name)
}

/** Who holds a state folder: one process, and those that launched it (npm, run.mjs). */
interface LockOwner {
  readonly pid: number
  readonly command: string
  readonly launchers: readonly { readonly pid: number; readonly command: string }[]
}

export type Lock = { readonly held: true; release(): void } | { readonly held: false; readonly pid: number }

const LOCK_ATTEMPTS = 3
/** A whole stop takes less than ten seconds. */
const OWNER_ENDS_MS = 11_000

/**
 * One stack a state folder: `<state>/lock` names its owner. A dead owner's lock is taken over; an owner whose
 * launcher was killed (nobody can reach it by Ctrl-C any more) is ended first.
 */
export async function takeLock(stateDir: string): Promise<Lock> {
  const path = join(stateDir, 'lock')
  const mine: LockOwner = { pid: process.pid, command: commandOf(process.pid) ?? '', launchers: launchersOfThis() }
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(mine), { flag: 'wx', mode: 0o600 })
      return { held: true, release: () => rmSync(path, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = readJson<LockOwner>(path)
    if (owner && owner.pid !== process.pid && commandOf(owner.pid) === owner.command) {
      if (owner.launchers.every((launcher) => commandOf(launcher.pid) === launcher.command)) return { held: false, pid: owner.pid }
      await endProcess(owner, 'SIGTERM', OWNER_ENDS_MS)
    }
    rmSync(path, { force: true })
  }
  throw new Error(`${path} could not be taken; delete it and start again`)
}

const LAUNCHERS_MAX = 4

/** The processes between this one and the person who started it: run.mjs, npm and npm's shell, when they are there. */
export function launchersOfThis(): { pid: number; command: string }[] {
  const all = listProcesses()
  const launchers: RunningProcess[] = []
  let next = all.find((running) => running.pid === process.ppid)
  while (next && launchers.length < LAUNCHERS_MAX && /\brun\.mjs\b|\bnpm\b/.test(next.command)) {
    launchers.push(next)
    const { parent } = next
    next = all.find((running) => running.pid === parent)
  }
  return launchers.map(({ pid, command }) => ({ pid, command }))
}

/** Whether a process id is in use: a cheap look for who asks often. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Reads a JSON file that we wrote ourselves. Null when it is missing or cut off. */
export function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T
  } catch {
    return null
  }
}

/** Writes a file only its owner may read, in one step: a reader sees the old text or the new one, never a part. */
export function writePrivate(path: string, text: string): void {
  const part = `${path}.${process.pid}.part`
  writeFileSync(part, text, { mode: 0o600 })
  chmodSync(part, 0o600)
  renameSync(part, path)
}

export function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
}
