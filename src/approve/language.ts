import { type Translated, withCommon } from '../page/language.ts'
import { de } from './messages/de.ts'
import { en } from './messages/en.ts'
import { uk } from './messages/uk.ts'

/** What the pages of approvals alone say. */
export type ApproveMessages = Translated<typeof en>

/** All that they say, in every language. */
export const MESSAGES = withCommon<ApproveMessages>({ en, de, uk })

export type Messages = (typeof MESSAGES)['en']
