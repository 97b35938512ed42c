package tidemark.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/** When the first record came, and when a task has reached the end of its partition: then it commits at once. */
final class Progress {
  private static final OperatingSystemMXBean SYSTEM =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
  private final Map<Integer, Long> lastOffsets = new ConcurrentHashMap<>();
  private final Set<Integer> left = ConcurrentHashMap.newKeySet();
  private final AtomicLong startedAt = new AtomicLong();
  private volatile long cpuAtStart;
  private long stoppedAt;
  private long cpuAtStop;

  Progress(Map<TopicPartition, Long> ends) {
    ends.forEach((partition, end) -> {
      lastOffsets.put(partition.partition(), end - 1);
      if (end > 0) left.add(partition.partition());
    });
  }

  <K, V> FixedKeyProcessor<K, V, V> processor() {
    return new ContextualFixedKeyProcessor<>() {
      private long last = Long.MAX_VALUE;
      private boolean first = true;

      @Override
      public void process(FixedKeyRecord<K, V> record) {
        if (first) {
          first = false;
          started();
          last = lastOffsets.get(context().taskId().partition());
        }
        context().forward(record);
        if (context().recordMetadata().orElseThrow().offset() < last) return;
        context().commit();
        left.remove(context().taskId().partition());
      }
    };
  }

  private void started() {
    long cpu = SYSTEM.getProcessCpuTime();
    if (startedAt.compareAndSet(0, System.nanoTime())) cpuAtStart = cpu;
  }

  /** Whether the last record of each partition was processed. */
  boolean atEnd() {
    return left.isEmpty();
  }

  /** The last commit was seen. */
  void stop() {
    stoppedAt = System.nanoTime();
    cpuAtStop = SYSTEM.getProcessCpuTime();
  }

  /** From the first record to the last commit. */
  double seconds() {
    return (stoppedAt - startedAt.get()) / 1e9;
  }

  /** Of the whole process in that time. */
  double cpuSeconds() {
    return (cpuAtStop - cpuAtStart) / 1e9;
  }

  /** Of the whole process since it was started. */
  static double allCpuSeconds() {
    return SYSTEM.getProcessCpuTime() / 1e9;
  }
}
