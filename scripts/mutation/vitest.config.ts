import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** A mutant is done with at the first test that fails: property tests, which take the longest, come last. */
class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => (moduleId.includes('properties') ? 1 : 0)
    return files.toSorted((one, other) => rank(one) - rank(other) || one.moduleId.localeCompare(other.moduleId))
  }
}

/**
 * What mutants of a folder are run against: the folder's own pure tests and no others. The root is Stryker's sandbox, a
 * copy of the project.
 */
export default defineConfig({
  test: {
    include: [`test/${process.env.MUTATED_FOLDER}/**/*.test.ts`],
    exclude: ['test/**/*.worker.test.ts'],
    setupFiles: ['scripts/mutation/setup.ts'],
    sequence: { sequencer: QuickFirst },
    restoreMocks: true,
  },
})
