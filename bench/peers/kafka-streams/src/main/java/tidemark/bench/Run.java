package tidemark.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * One job over what is in the input topic at the start: `count` writes how often each key was there to the output topic,
 * with its state in RocksDB; `hours` writes how often each key was there in each hour of event time, once the hour is over;
 * `pass` writes each record as it is. Ends when all of it is committed, and prints one line of JSON. The JVM compiles for the first ten to twenty seconds of CPU: so the job may run over the input before, under another
 * name, and what is measured is the run of a warm JVM.
 */
public final class Run {
  private static final long TIMEOUT_SECONDS = 600;
  private static final long POLL_MS = 10;

  private Run() {}

  /** What is the same in the runs of a process. */
  private record Job(String name, String brokers, String input, int threads, long cacheBytes, String codec, Path state) {}

  /** Arguments: job (count | hours | pass), brokers, input, output, threads, cache in bytes, codec, directory of the state, runs to warm up. */
  public static void main(String[] args) throws Exception {
    var job = new Job(args[0], args[1], args[2], Integer.parseInt(args[4]), Long.parseLong(args[5]), args[6], Path.of(args[7]));
    int warmups = Integer.parseInt(args[8]);
    Files.createDirectories(job.state());
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", job.brokers()))) {
      Map<TopicPartition, Long> ends = ends(admin, job.input());
      for (int i = 0; i < warmups; i++) run(job, admin, ends, args[3] + "-warmup-" + i);
      var progress = run(job, admin, ends, args[3]);
      long records = ends.values().stream().mapToLong(each -> each).sum();
      System.out.printf(
          "{\"job\":\"%s\",\"records\":%d,\"seconds\":%.3f,\"cpuSeconds\":%.3f,\"allCpuSeconds\":%.3f,\"threads\":%d}%n",
          job.name(), records, progress.seconds(), progress.cpuSeconds(), Progress.allCpuSeconds(), job.threads());
      System.out.flush();
    }
  }

  /** From the start of the topology to its end, into an output topic that is made here. */
  private static Progress run(Job job, Admin admin, Map<TopicPartition, Long> ends, String output) throws Exception {
    String application = "bench-" + job.name() + "-" + output;
    admin.createTopics(List.of(new NewTopic(output, Optional.of(ends.size()), Optional.empty()))).all().get();
    var progress = new Progress(ends);
    var builder = new StreamsBuilder();
    switch (job.name()) {
      case "count" -> count(builder, job.input(), output, progress);
      case "hours" -> hours(builder, job.input(), output, progress);
      default -> pass(builder, job.input(), output, progress);
    }
    var failure = new AtomicReference<Throwable>();
    var settings = Settings.of(job.brokers(), application, job.threads(), job.cacheBytes(), job.codec(), job.state());
    var streams = new KafkaStreams(builder.build(), settings);
    streams.setUncaughtExceptionHandler(thrown -> {
      failure.set(thrown);
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.start();
    awaitCommitted(admin, application, ends, progress, failure);
    progress.stop();
    streams.close(Duration.ofSeconds(30));
    return progress;
  }

  private static void count(StreamsBuilder builder, String input, String output, Progress progress) {
    KStream<String, byte[]> visits = builder.stream(input, Consumed.with(Serdes.String(), Serdes.ByteArray()));
    visits.processValues(progress::processor)
        .groupByKey(Grouped.with(Serdes.String(), Serdes.ByteArray()))
        .count(Materialized.<String, Long>as(Stores.persistentKeyValueStore("counts"))
            .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()).withCachingEnabled())
        .toStream()
        .to(output, Produced.with(Serdes.String(), Serdes.Long()));
  }

  private static void hours(StreamsBuilder builder, String input, String output, Progress progress) {
    KStream<String, byte[]> visits = builder.stream(input, Consumed.with(Serdes.String(), Serdes.ByteArray()));
    visits.processValues(progress::processor)
        .groupByKey(Grouped.with(Serdes.String(), Serdes.ByteArray()))
        .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofHours(1)))
        .emitStrategy(EmitStrategy.onWindowClose())
        .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
            .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()).withRetention(Duration.ofHours(2))
            .withCachingEnabled())
        .toStream()
        .map((windowed, count) -> KeyValue.pair(windowed.key(), windowed.window().start() + ":" + count))
        .to(output, Produced.with(Serdes.String(), Serdes.String()));
  }

  private static void pass(StreamsBuilder builder, String input, String output, Progress progress) {
    KStream<byte[], byte[]> records = builder.stream(input, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()));
    records.processValues(progress::processor).to(output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
  }

  private static Map<TopicPartition, Long> ends(Admin admin, String topic) throws Exception {
    Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
    for (var each : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
      asked.put(new TopicPartition(topic, each.partition()), OffsetSpec.latest());
    }
    Map<TopicPartition, Long> ends = new HashMap<>();
    admin.listOffsets(asked).all().get().forEach((partition, found) -> ends.put(partition, found.offset()));
    return ends;
  }

  /**
   * The offsets of the group are part of the transaction: when they are there, so are state and output. The broker is asked
   * once the last record of each partition was processed, so that asking takes nothing from what is measured.
   */
  private static void awaitCommitted(
      Admin admin, String group, Map<TopicPartition, Long> ends, Progress progress, AtomicReference<Throwable> failure)
      throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(TIMEOUT_SECONDS).toNanos();
    while (true) {
      if (failure.get() != null) throw new IllegalStateException(failure.get());
      if (System.nanoTime() > deadline) throw new IllegalStateException("not done in " + TIMEOUT_SECONDS + " s");
      if (progress.atEnd() && committed(admin, group, ends)) return;
      Thread.sleep(POLL_MS);
    }
  }

  private static boolean committed(Admin admin, String group, Map<TopicPartition, Long> ends) throws Exception {
    var committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    return ends.entrySet().stream().allMatch(each -> {
      var offset = committed.get(each.getKey());
      return offset != null && offset.offset() >= each.getValue();
    });
  }
}
