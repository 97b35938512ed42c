/** The entry is a deletion: its value means nothing. */
export const DELETED = 1
/** The value is the encoded bytes (Uint8Array), not the decoded value. */
export const ENCODED = 2
/** Nothing was visible under this key below the map when the entry was made. */
export const FRESH = 4
/** The entry has a deadline: it is not there any more when the store's clock has come to it. */
export const TIMED = 8
/** A deletion of what was never below: it is in no delta and in no file. */
export const FRESH_DELETION: number = DELETED | FRESH
