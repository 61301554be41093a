import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { expect } from 'vitest'

/** With GALLERY=<folder> every state is also left there as pictures: `<name>-<width>-<scheme>.png`. */
const GALLERY = process.env.GALLERY
const AXE: { source: string } = createRequire(import.meta.url)('axe-core')

/** A small phone (also 1280 px at four times zoom), a phone, a desk. */
const SIZES = [
  { width: 320, height: 568 },
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
]

/** Text that is wider than what it stands in, and so cut off. */
const CUT_OFF = `[...document.querySelectorAll('.card *, header *, footer *')]
  .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 && !element.matches('.sr'))
  .map((element) => element.outerHTML.slice(0, 120))`

/** Amounts that go over more than one line: some part of one stands below its beginning. */
const BROKEN_AMOUNTS = `[...document.querySelectorAll('.amount b, .price, .payments strong')]
  .filter((element) => {
    const range = document.createRange()
    range.selectNodeContents(element)
    const [first, ...others] = range.getClientRects()
    return others.some((rect) => rect.top > first.bottom - 4)
  })
  .map((element) => element.textContent)`

export type Scheme = 'light' | 'dark'
export const SCHEMES: readonly Scheme[] = ['light', 'dark']

/** A page to look at: axe-core is injected, which the page's own policy rightly forbids. */
export async function pageToLookAt(browser: Browser, scheme: Scheme): Promise<Page> {
  return browser.newPage({ colorScheme: scheme, bypassCSP: true, reducedMotion: 'reduce' })
}

/** Nothing is cut off, broken in two or wider than the screen, whatever its width; leaves pictures where they are wanted. */
export async function expectFits(page: Page, name: string, scheme: Scheme): Promise<void> {
  for (const size of SIZES) {
    await page.setViewportSize(size)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(size.width)
    expect(await page.evaluate(CUT_OFF), `cut off at ${size.width} px`).toEqual([])
    expect(await page.evaluate(BROKEN_AMOUNTS), `broken at ${size.width} px`).toEqual([])
    if (GALLERY && size.width >= 390)
      await page.screenshot({ path: join(GALLERY, `${name}-${size.width}-${scheme}.png`), fullPage: true })
  }
}

/** What is folded away is read too: unfolded at the smallest width nothing is cut off. */
export async function expectUnfoldedFits(page: Page): Promise<void> {
  await page.setViewportSize({ width: 320, height: 568 })
  await page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
  expect(await page.evaluate(CUT_OFF), 'cut off when unfolded').toEqual([])
}

interface AxeResult {
  violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
}

/** What is told to screen readers later: it is heard only where it was there, empty, before. */
const UNHEARD = `[...document.querySelectorAll('[aria-live]')]
  .filter((element) => getComputedStyle(element).display === 'none')
  .map((element) => element.outerHTML)`

/** axe-core finds nothing wrong; what it does find is told with the element and why. */
export async function expectAccessible(page: Page): Promise<void> {
  expect(await page.evaluate(UNHEARD), 'will not be heard').toEqual([])
  await page.evaluate(AXE.source)
  const { violations } = await page.evaluate<AxeResult>('axe.run()')
  expect(violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`))).toEqual([])
}
