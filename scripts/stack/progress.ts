/** What can't start says what it is and what a person can do about it. */
export class StartError extends Error {
  readonly advice: string
  constructor(message: string, advice: string) {
    super(message)
    this.advice = advice
  }
}

/** Tells a person what is being started and how long it took. */
export interface Progress {
  /** Runs one step. A note the step answers with `say` stands behind its title. */
  step<T>(title: string, work: (say: (note: string) => void) => Promise<T>): Promise<T>
  line(text: string): void
}

export const silentProgress: Progress = { step: (_title, work) => work(() => {}), line: () => {} }

const TITLE_WIDTH = 34

export function terminalProgress(paint: Paint): Progress {
  return {
    async step(title, work) {
      const started = performance.now()
      let note = ''
      const finish = (mark: string) => {
        const took = `${((performance.now() - started) / 1000).toFixed(1)} s`
        console.log(`  ${mark} ${title.padEnd(TITLE_WIDTH)} ${paint.dim(took.padStart(7))}${note ? paint.dim(`  ${note}`) : ''}`)
      }
      try {
        const result = await work((text) => {
          note = text
        })
        finish(paint.green('✓'))
        return result
      } catch (error) {
        finish(paint.red('✗'))
        throw error
      }
    },
    line: (text) => console.log(text),
  }
}

export interface Paint {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  red(text: string): string
  cyan(text: string): string
}

/** Colours for a terminal that has them; plain text for files, pipes and NO_COLOR. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const on = stream.isTTY && process.env.NO_COLOR === undefined
  const wrap = (code: number) => (text: string) => (on ? `\u001b[${code}m${text}\u001b[0m` : text)
  return { bold: wrap(1), dim: wrap(2), green: wrap(32), red: wrap(31), cyan: wrap(36) }
}
