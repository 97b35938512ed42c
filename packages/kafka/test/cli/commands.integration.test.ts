import { describe } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { CliBroker } from './cli-broker.ts'
import { doctorSuite } from './doctor-suite.ts'
import { resetSuite } from './reset-suite.ts'
import { streamsSuite } from './streams-suite.ts'

describe('the command line on Kafka', { skip: kafkaMissing() ?? false }, () => {
  const kafka = new CliBroker()
  // In this order: the doctor wants a broker that knows no job, and reset one that knows some.
  describe('doctor', () => doctorSuite(kafka))
  describe('streams', () => streamsSuite(kafka))
  describe('reset', () => resetSuite(kafka))
})
