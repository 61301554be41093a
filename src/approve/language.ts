import type { Language } from '../checkout/language.ts'
import { de } from './messages/de.ts'
import { en } from './messages/en.ts'
import { uk } from './messages/uk.ts'

/** The texts of one language: the keys and placeholders of English, with any words. */
export type ApproveMessages = {
  readonly [Key in keyof typeof en]: (typeof en)[Key] extends string ? string : (typeof en)[Key]
}

/** Every language of the checkout has these pages too. */
export const APPROVE_MESSAGES: Readonly<Record<Language, ApproveMessages>> = { en, de, uk }
