import type { Context } from 'hono'
import { type Head, messagePage, textOf } from './document.tsx'
import { type Language, languageOf, type PageMessages } from './language.ts'

interface Words extends PageMessages {
  readonly notFoundTitle: string
  readonly notFoundText: string
}

/** What a face answers where it has nothing to show: a page of its look that says so, in the reader's language. */
export function createAnswers(head: Head, headers: Record<string, string>, words: Readonly<Record<Language, Words>>) {
  const message = (c: Context, title: string, text: string, status: 404 | 413 | 500) =>
    c.html(textOf(messagePage(head, languageOf(c.req), title, text)), status, headers)
  return {
    notFound(c: Context) {
      const { notFoundTitle, notFoundText } = words[languageOf(c.req)]
      return message(c, notFoundTitle, notFoundText, 404)
    },
    failure(c: Context, status: 413 | 500) {
      const { failureTitle, failureText } = words[languageOf(c.req)]
      return message(c, failureTitle, failureText, status)
    },
  }
}
