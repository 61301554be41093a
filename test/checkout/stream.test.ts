import { expect, test, vi } from 'vitest'
import { streamPage } from '../../src/checkout/stream.ts'

const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value)

test('the head is out before the rest is drawn', async () => {
  const draw = vi.fn(() => '<body>€</body>')
  const reader = streamPage('<head>', draw).getReader()
  expect(text((await reader.read()).value)).toBe('<head>')
  expect(draw).not.toHaveBeenCalled()
  expect(text((await reader.read()).value)).toBe('<body>€</body>')
  expect((await reader.read()).done).toBe(true)
  expect(draw).toHaveBeenCalledTimes(1)
})

test('nothing is drawn for a reader who goes after the head', async () => {
  const draw = vi.fn(() => '<body>')
  const reader = streamPage('<head>', draw).getReader()
  await reader.read()
  const pending = reader.read()
  await reader.cancel()
  expect((await pending).done).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(draw).not.toHaveBeenCalled()
})
