import { isTidemarkError } from '../errors/error.ts'

/** Something that is not as it should be. */
export interface Finding {
  /** `damage`: what is committed cannot be read as it was written. `leftover`: not named by any manifest, and harmless. */
  readonly kind: 'damage' | 'leftover'
  readonly file: string
  /** Byte in the file. */
  readonly position: number
  readonly store: string | null
  readonly what: string
}

export interface VerifyReport {
  /** Those of this base: sorted files, each once, and manifests. */
  readonly files: number
  readonly bytes: number
  readonly entries: number
  /** The checkpoints that were verified: the newest, then the retained ones. */
  readonly checkpoints: readonly number[]
  readonly findings: readonly Finding[]
}

/** Findings under way, and how much has been verified. */
export class Findings {
  readonly list: Finding[] = []
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  damage(position: number, what: string, store: string | null = null): void {
    this.list.push({ kind: 'damage', file: this.#file, position, store, what })
  }

  /** Runs a piece of the work; what it throws about this file is a finding. False if there was one. */
  attempt(position: number, store: string | null, work: () => void): boolean {
    try {
      work()
      return true
    } catch (error) {
      this.thrown(position, store, error)
      return false
    }
  }

  thrown(position: number, store: string | null, error: unknown): void {
    const known =
      isTidemarkError(error, 'ERR_STATE_CORRUPT') ||
      isTidemarkError(error, 'ERR_DISK_IO') ||
      isTidemarkError(error, 'ERR_FORMAT_NEWER') ||
      isTidemarkError(error, 'ERR_FORMAT_OLDER') ||
      isTidemarkError(error, 'ERR_SERDE')
    if (!known) throw error
    const at = error.details['position']
    const what = `${error.code}: ${error.message}`
    this.damage(typeof at === 'number' ? at : position, what, store)
  }
}
