import type { PageMessages } from '../language.ts'

export const uk: PageMessages = {
  languageName: 'Українська',
  language: 'Мова',
  paymentsBy: 'Платежі через',
  testNetwork: 'Тестова мережа',
  notRealMoney: 'Це перевірка. Справжні гроші не використовуються.',
  copy: 'Копіювати',
  copied: 'Скопійовано',
  copyFailed: 'Не вдалося скопіювати. Виділіть текст і скопіюйте його вручну.',
  failureTitle: 'Не вийшло',
  failureText: 'Щось пішло не так на нашому боці. Нічого не втрачено: оновіть сторінку за мить.',
}
