import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Mutant } from './mutants.ts'

const WORKERS = pathToFileURL(join(import.meta.dirname, 'cloudflare-workers.ts')).href
const ROOT = join(import.meta.dirname, '../..')

/**
 * Resolves `cloudflare:workers` to the stand-in, and puts a mutant's text in the place of the real one. Before anything of
 * src/ is imported.
 */
export function registerSimHooks(mutant: Mutant | null): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier !== 'cloudflare:workers') return next(specifier, context)
      return { url: WORKERS, format: 'module-typescript', shortCircuit: true }
    },
    load: (url, context, next) => {
      const loaded = next(url, context)
      if (!mutant || !url.startsWith('file:') || fileURLToPath(url) !== join(ROOT, mutant.file)) return loaded
      const text = String(loaded.source)
      if (text.split(mutant.find).length !== 2) throw new Error(`${mutant.file} does not hold once what ${mutant.name} changes`)
      return { ...loaded, source: text.replace(mutant.find, () => mutant.put) }
    },
  })
}
