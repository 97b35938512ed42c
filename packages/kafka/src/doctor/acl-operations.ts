/** Kafka's ACL operations by their numbers in the protocol, as answers have them as bits. */
export const OPERATION = { Read: 3, Write: 4, Create: 5, Delete: 6, Describe: 8, DescribeConfigs: 10 } as const

export type Operation = keyof typeof OPERATION

/** Which of these a bit field does not allow. */
export function lackingOf(rights: number, operations: readonly Operation[]): Operation[] {
  return operations.filter((each) => (rights & (1 << OPERATION[each])) === 0)
}
