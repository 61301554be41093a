import type { PageMessages } from '../language.ts'

export const de: PageMessages = {
  languageName: 'Deutsch',
  language: 'Sprache',
  paymentsBy: 'Zahlungen mit',
  testNetwork: 'Testnetz',
  notRealMoney: 'Dies ist ein Test. Es wird kein echtes Geld verwendet.',
  copy: 'Kopieren',
  copied: 'Kopiert',
  copyFailed: 'Das Kopieren hat nicht geklappt. Bitte markieren und kopieren Sie den Text selbst.',
  failureTitle: 'Das hat nicht geklappt',
  failureText: 'Bei uns ist etwas schiefgegangen. Es geht nichts verloren: Bitte laden Sie die Seite gleich noch einmal.',
}
