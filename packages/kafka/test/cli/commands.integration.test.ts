/*
 * All that is tested with one broker, which takes a while to start, in this order: the doctor wants a broker that knows no
 * job, and reset one that knows some. The schema registry is no command, but the broker is here.
 */
import './doctor-suite.ts'
import './streams-suite.ts'
import './reset-suite.ts'
import '../registry/registry-suite.ts'
