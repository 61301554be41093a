/** What the pages of every face say. The other languages have the type of this one: a missing key does not compile. */
export const en = {
  languageName: 'English',
  language: 'Language',
  paymentsBy: 'Payments by',
  testNetwork: 'Test network',
  notRealMoney: 'This is a test. No real money is used.',
  copy: 'Copy',
  copied: 'Copied',
  copyFailed: 'Copying did not work. Please select the text and copy it.',
  failureTitle: 'That didn’t work',
  failureText: 'Something went wrong on our side. Nothing is lost: please load the page again in a moment.',
}
