import { type Translated, withCommon } from '../page/language.ts'
import { de } from './messages/de.ts'
import { en } from './messages/en.ts'
import { uk } from './messages/uk.ts'

/** What the page of a refund alone says. */
export type ClaimMessages = Translated<typeof en>

/** All that it says, in every language. */
export const MESSAGES = withCommon<ClaimMessages>({ en, de, uk })

export type Messages = (typeof MESSAGES)['en']
