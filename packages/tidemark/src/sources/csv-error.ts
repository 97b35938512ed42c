import type { CsvError } from 'csv-parse/sync'

const WRONG: Readonly<Record<string, string>> = {
  INVALID_OPENING_QUOTE: 'a quote inside a field that does not begin with one',
  CSV_INVALID_CLOSING_QUOTE: 'text after the closing quote of a field',
  CSV_QUOTE_NOT_CLOSED: 'this quote is never closed',
}

/**
 * What is wrong with a row, and at which index. csv-parse names the kind of error and the field; the place inside the
 * field, which begins at `fieldStart`, is found here.
 */
export function csvErrorAt(text: string, fieldStart: number, cause: CsvError): { at: number; error: string } {
  const error = WRONG[cause.code]
  if (error === undefined) throw cause
  if (cause.code === 'INVALID_OPENING_QUOTE') return { at: text.indexOf('"', fieldStart), error }
  return { at: cause.code === 'CSV_INVALID_CLOSING_QUOTE' ? afterQuotes(text, fieldStart) : fieldStart, error }
}

/** The index after the closing quote of the quoted field at `start`. */
function afterQuotes(text: string, start: number): number {
  let close = text.indexOf('"', start + 1)
  while (text[close + 1] === '"') close = text.indexOf('"', close + 2)
  return close + 1
}
