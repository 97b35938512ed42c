import { TidemarkError, type ErrorDetails } from 'tidemark/system'

/**
 * What to do about an error of a broker: `retry` the same, after refreshing `metadata` or the `coordinator` first; `fenced`:
 * another owner has taken over, never retry; `denied`: the user may not; `fatal`: the same request fails again.
 */
export type Remedy = 'retry' | 'metadata' | 'coordinator' | 'fenced' | 'denied' | 'fatal'

export interface KafkaError {
  readonly code: number
  /** As in Kafka's protocol guide, "Error Codes". */
  readonly name: string
  readonly remedy: Remedy
}

/** By code. `fatal` is left out, so that what needs a decision stands out. */
const NAMES: Readonly<Record<number, string | readonly [string, Remedy]>> = {
  [-1]: ['UNKNOWN_SERVER_ERROR', 'fatal'],
  1: 'OFFSET_OUT_OF_RANGE',
  2: ['CORRUPT_MESSAGE', 'retry'],
  3: ['UNKNOWN_TOPIC_OR_PARTITION', 'metadata'],
  4: 'INVALID_FETCH_SIZE',
  5: ['LEADER_NOT_AVAILABLE', 'metadata'],
  6: ['NOT_LEADER_OR_FOLLOWER', 'metadata'],
  7: ['REQUEST_TIMED_OUT', 'retry'],
  8: ['BROKER_NOT_AVAILABLE', 'metadata'],
  9: ['REPLICA_NOT_AVAILABLE', 'metadata'],
  10: 'MESSAGE_TOO_LARGE',
  11: 'STALE_CONTROLLER_EPOCH',
  12: 'OFFSET_METADATA_TOO_LARGE',
  13: ['NETWORK_EXCEPTION', 'metadata'],
  14: ['COORDINATOR_LOAD_IN_PROGRESS', 'retry'],
  15: ['COORDINATOR_NOT_AVAILABLE', 'coordinator'],
  16: ['NOT_COORDINATOR', 'coordinator'],
  17: 'INVALID_TOPIC_EXCEPTION',
  18: 'RECORD_LIST_TOO_LARGE',
  19: ['NOT_ENOUGH_REPLICAS', 'retry'],
  20: ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retry'],
  21: 'INVALID_REQUIRED_ACKS',
  22: 'ILLEGAL_GENERATION',
  23: 'INCONSISTENT_GROUP_PROTOCOL',
  24: 'INVALID_GROUP_ID',
  25: 'UNKNOWN_MEMBER_ID',
  26: 'INVALID_SESSION_TIMEOUT',
  27: ['REBALANCE_IN_PROGRESS', 'fatal'],
  28: 'INVALID_COMMIT_OFFSET_SIZE',
  29: ['TOPIC_AUTHORIZATION_FAILED', 'denied'],
  30: ['GROUP_AUTHORIZATION_FAILED', 'denied'],
  31: ['CLUSTER_AUTHORIZATION_FAILED', 'denied'],
  32: 'INVALID_TIMESTAMP',
  33: 'UNSUPPORTED_SASL_MECHANISM',
  34: 'ILLEGAL_SASL_STATE',
  35: 'UNSUPPORTED_VERSION',
  36: 'TOPIC_ALREADY_EXISTS',
  37: 'INVALID_PARTITIONS',
  38: 'INVALID_REPLICATION_FACTOR',
  39: 'INVALID_REPLICA_ASSIGNMENT',
  40: 'INVALID_CONFIG',
  41: ['NOT_CONTROLLER', 'metadata'],
  42: 'INVALID_REQUEST',
  43: 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  44: 'POLICY_VIOLATION',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  46: 'DUPLICATE_SEQUENCE_NUMBER',
  47: ['INVALID_PRODUCER_EPOCH', 'fenced'],
  48: 'INVALID_TXN_STATE',
  49: 'INVALID_PRODUCER_ID_MAPPING',
  50: 'INVALID_TRANSACTION_TIMEOUT',
  51: ['CONCURRENT_TRANSACTIONS', 'retry'],
  52: ['TRANSACTION_COORDINATOR_FENCED', 'fatal'],
  53: ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'denied'],
  54: ['SECURITY_DISABLED', 'fatal'],
  55: ['OPERATION_NOT_ATTEMPTED', 'fatal'],
  56: ['KAFKA_STORAGE_ERROR', 'metadata'],
  57: 'LOG_DIR_NOT_FOUND',
  58: ['SASL_AUTHENTICATION_FAILED', 'denied'],
  59: 'UNKNOWN_PRODUCER_ID',
  60: ['REASSIGNMENT_IN_PROGRESS', 'fatal'],
  61: 'DELEGATION_TOKEN_AUTH_DISABLED',
  62: 'DELEGATION_TOKEN_NOT_FOUND',
  63: 'DELEGATION_TOKEN_OWNER_MISMATCH',
  64: 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
  65: ['DELEGATION_TOKEN_AUTHORIZATION_FAILED', 'denied'],
  66: 'DELEGATION_TOKEN_EXPIRED',
  67: 'INVALID_PRINCIPAL_TYPE',
  68: 'NON_EMPTY_GROUP',
  69: 'GROUP_ID_NOT_FOUND',
  70: ['FETCH_SESSION_ID_NOT_FOUND', 'retry'],
  71: ['INVALID_FETCH_SESSION_EPOCH', 'retry'],
  72: ['LISTENER_NOT_FOUND', 'metadata'],
  73: 'TOPIC_DELETION_DISABLED',
  74: ['FENCED_LEADER_EPOCH', 'metadata'],
  75: ['UNKNOWN_LEADER_EPOCH', 'metadata'],
  76: 'UNSUPPORTED_COMPRESSION_TYPE',
  77: ['STALE_BROKER_EPOCH', 'fatal'],
  78: ['OFFSET_NOT_AVAILABLE', 'retry'],
  79: 'MEMBER_ID_REQUIRED',
  80: ['PREFERRED_LEADER_NOT_AVAILABLE', 'metadata'],
  81: 'GROUP_MAX_SIZE_REACHED',
  82: ['FENCED_INSTANCE_ID', 'fenced'],
  83: ['ELIGIBLE_LEADERS_NOT_AVAILABLE', 'metadata'],
  84: ['ELECTION_NOT_NEEDED', 'fatal'],
  85: 'NO_REASSIGNMENT_IN_PROGRESS',
  86: 'GROUP_SUBSCRIBED_TO_TOPIC',
  87: 'INVALID_RECORD',
  88: ['UNSTABLE_OFFSET_COMMIT', 'retry'],
  89: ['THROTTLING_QUOTA_EXCEEDED', 'retry'],
  90: ['PRODUCER_FENCED', 'fenced'],
  91: 'RESOURCE_NOT_FOUND',
  92: 'DUPLICATE_RESOURCE',
  93: 'UNACCEPTABLE_CREDENTIAL',
  94: 'INCONSISTENT_VOTER_SET',
  95: 'INVALID_UPDATE_VERSION',
  96: 'FEATURE_UPDATE_FAILED',
  97: 'PRINCIPAL_DESERIALIZATION_FAILURE',
  98: 'SNAPSHOT_NOT_FOUND',
  99: 'POSITION_OUT_OF_RANGE',
  100: ['UNKNOWN_TOPIC_ID', 'metadata'],
  101: 'DUPLICATE_BROKER_REGISTRATION',
  102: 'BROKER_ID_NOT_REGISTERED',
  103: ['INCONSISTENT_TOPIC_ID', 'metadata'],
  104: 'INCONSISTENT_CLUSTER_ID',
  105: 'TRANSACTIONAL_ID_NOT_FOUND',
  106: ['FETCH_SESSION_TOPIC_ID_ERROR', 'retry'],
  107: 'INELIGIBLE_REPLICA',
  108: ['NEW_LEADER_ELECTED', 'metadata'],
  109: 'OFFSET_MOVED_TO_TIERED_STORAGE',
  110: ['FENCED_MEMBER_EPOCH', 'fenced'],
  111: 'UNRELEASED_INSTANCE_ID',
  112: 'UNSUPPORTED_ASSIGNOR',
  113: 'STALE_MEMBER_EPOCH',
  114: 'MISMATCHED_ENDPOINT_TYPE',
  115: 'UNSUPPORTED_ENDPOINT_TYPE',
  116: 'UNKNOWN_CONTROLLER_ID',
  117: 'UNKNOWN_SUBSCRIPTION_ID',
  118: 'TELEMETRY_TOO_LARGE',
  119: 'INVALID_REGISTRATION',
  120: 'TRANSACTION_ABORTABLE',
}

/** The error with this code of an answer; an unknown one is fatal. 0 is none: do not ask. */
export function kafkaError(code: number): KafkaError {
  const entry = NAMES[code]
  if (entry === undefined) return { code, name: `error ${code}`, remedy: 'fatal' }
  return typeof entry === 'string' ? { code, name: entry, remedy: 'fatal' } : { code, name: entry[0], remedy: entry[1] }
}

/** What a user lacks, by the error that says so. */
const RIGHTS: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'Read on the topic to read it, Write to write it',
  GROUP_AUTHORIZATION_FAILED: 'Read on the group',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'Write on the transactional id',
}

/**
 * A broker's refusal as an error of ours: ERR_KAFKA_DENIED, ERR_KAFKA_NOT_READY if the same may succeed later, else
 * ERR_KAFKA_REFUSED. `what` says what was asked and where ("Fetch of stream "a", partition 0"), `message` is the broker's.
 */
export function refusal(what: string, code: number, message: string | null, details: ErrorDetails = {}): TidemarkError {
  const { name, remedy } = kafkaError(code)
  const all = { ...details, kafka: name, kafkaCode: code }
  const said = message === null || message === '' ? name : `${name} (${message})`
  if (remedy === 'denied') {
    const right = RIGHTS[name] ?? 'the right to it'
    const text = `${what} was denied: ${said}. Give the user of this client ${right} (kafka-acls.sh), or check its credentials.`
    return new TidemarkError('ERR_KAFKA_DENIED', text, { details: all })
  }
  if (remedy === 'retry' || remedy === 'metadata' || remedy === 'coordinator') {
    const text = `${what} cannot be done now: ${said}. Try again later; if it stays so, look at the broker's log.`
    return new TidemarkError('ERR_KAFKA_NOT_READY', text, { details: all })
  }
  return new TidemarkError('ERR_KAFKA_REFUSED', `${what} was refused: ${said}.`, { details: all })
}
