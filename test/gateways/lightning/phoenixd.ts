import { answerAsPhoenixd } from '../../../scripts/stack/lightning/phoenixd.ts'
import { type StandIn, standIn } from './stand-in.ts'

/** phoenixd, as the stand-in of `npm start` is, and whatever may go wrong with it. */
export function phoenixd(): StandIn {
  const [password, fullPassword] = ['limited-password-of-phoenixd', 'full-password-of-phoenixd']
  const broken = { status: 500, body: 'java.lang.IllegalStateException' }
  return standIn('phoenixd', { password }, { password: fullPassword }, broken, (asked, book, purse) =>
    answerAsPhoenixd(asked, { book, purse, password, fullPassword }),
  )
}
