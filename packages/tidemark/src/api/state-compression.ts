/** How blocks of state files are stored: for all stores, or by store; those that are not named as `other` says. */
export type StateCompression =
  | 'none'
  | 'zstd'
  | { readonly stores: Readonly<Record<string, 'none' | 'zstd'>>; readonly other: 'none' | 'zstd' }
