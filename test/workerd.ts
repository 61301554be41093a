import { reset } from 'cloudflare:test'
import { afterAll } from 'vitest'

// One workerd serves many files: starting it, and reading our modules anew, took longer than the tests do. So each file
// leaves nothing behind: no rows in D1, no object, no alarm.
afterAll(() => reset())
