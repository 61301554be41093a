/** The part of package-lock.json (version 3) that is looked at here. */
export interface Lock {
  packages: Record<string, LockedPackage>
}

interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Optional dependencies that a package names and the lock file has nowhere that it would look. */
export function missingOptional(lock: Lock): { name: string; version: string; dev: boolean }[] {
  return Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {}, dev = false }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !foldersFrom(path).some((folder) => `${folder}${name}` in lock.packages))
      .map(([name, version]) => ({ name, version, dev })),
  )
}

/** Where Node.js looks for the dependencies of a package: its own node_modules, then those above. */
function foldersFrom(path: string): string[] {
  const parts = path === '' ? [] : path.split('/node_modules/')
  const above = parts.map((_, depth) => `${parts.slice(0, depth + 1).join('/node_modules/')}/node_modules/`)
  return ['node_modules/', ...above]
}

/** The system a package is for, by its name: `@biomejs/cli-linux-x64-musl` is for Linux, x64, musl. */
export function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const os = [['android'], ['darwin'], ['win32', 'windows'], ['linux']].find((names) =>
    names.some((part) => name.includes(part)),
  )?.[0]
  const cpu = name.includes('arm64') ? 'arm64' : /x64|amd64|-64$/.test(name) ? 'x64' : undefined
  if (!os || !cpu) throw new Error(`cannot tell which system ${name} is for: add it to package-lock.json by hand`)
  return { cpu: [cpu], ...(name.includes('musl') ? { libc: ['musl'] } : {}), os: [os] }
}
