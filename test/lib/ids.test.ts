import { expect, test } from 'vitest'
import { isId, keyedId, randomId } from '../../src/lib/ids.ts'

test('ids have their form, and no two are alike', () => {
  const ids = Array.from({ length: 1_000 }, () => randomId('inv'))
  expect(ids.every((id) => isId('inv', id))).toBe(true)
  expect(new Set(ids).size).toBe(1_000)
  expect(isId('inv', 'inv_short')).toBe(false)
  expect(isId('inv', `${ids[0]?.slice(0, -1)}u`)).toBe(false)
  expect(isId('evt', ids[0] ?? '')).toBe(false)
})

test('a keyed id depends on the secret and on each part, not on how the parts are cut', async () => {
  const id = await keyedId('inv', 'secret', ['store', 'key'])
  expect(isId('inv', id)).toBe(true)
  expect(await keyedId('inv', 'secret', ['store', 'key'])).toBe(id)
  expect(await keyedId('inv', 'other', ['store', 'key'])).not.toBe(id)
  expect(await keyedId('inv', 'secret', ['storek', 'ey'])).not.toBe(id)
})
