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
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * One job over what is in the input topic at the start: `count` writes how often each key was there to the output topic,
 * with its state in RocksDB; `pass` writes each record as it is. Ends when all of it is committed, and prints one line of JSON.
 */
public final class Run {
  private static final long TIMEOUT_SECONDS = 600;

  private Run() {}

  /** Arguments: job (count | pass), brokers, input, output, threads, cache in bytes, codec, directory of the state. */
  public static void main(String[] args) throws Exception {
    String job = args[0];
    String brokers = args[1];
    String input = args[2];
    String output = args[3];
    int threads = Integer.parseInt(args[4]);
    long cacheBytes = Long.parseLong(args[5]);
    Path state = Path.of(args[7]);
    Files.createDirectories(state);
    String application = "bench-" + job + "-" + ProcessHandle.current().pid();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
      Map<TopicPartition, Long> ends = ends(admin, input);
      admin.createTopics(List.of(new NewTopic(output, Optional.of(ends.size()), Optional.empty()))).all().get();
      var progress = new Progress(ends);
      var builder = new StreamsBuilder();
      if (job.equals("count")) count(builder, input, output, progress);
      else pass(builder, input, output, progress);
      var failure = new AtomicReference<Throwable>();
      var settings = Settings.of(brokers, application, threads, cacheBytes, args[6], state);
      var streams = new KafkaStreams(builder.build(), settings);
      streams.setUncaughtExceptionHandler(thrown -> {
        failure.set(thrown);
        return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
      });
      streams.start();
      awaitCommitted(admin, application, ends, failure);
      double seconds = progress.seconds();
      double cpuSeconds = progress.cpuSeconds();
      long records = ends.values().stream().mapToLong(each -> each).sum();
      System.out.printf(
          "{\"job\":\"%s\",\"records\":%d,\"seconds\":%.3f,\"cpuSeconds\":%.3f,\"allCpuSeconds\":%.3f,\"threads\":%d}%n",
          job, records, seconds, cpuSeconds, Progress.allCpuSeconds(), threads);
      System.out.flush();
      streams.close(Duration.ofSeconds(30));
    }
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

  /** The offsets of the group are part of the transaction: when they are there, so are state and output. */
  private static void awaitCommitted(
      Admin admin, String group, Map<TopicPartition, Long> ends, AtomicReference<Throwable> failure) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(TIMEOUT_SECONDS).toNanos();
    while (true) {
      if (failure.get() != null) throw new IllegalStateException(failure.get());
      if (System.nanoTime() > deadline) throw new IllegalStateException("not done in " + TIMEOUT_SECONDS + " s");
      var committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      boolean done = ends.entrySet().stream().allMatch(each -> {
        var offset = committed.get(each.getKey());
        return offset != null && offset.offset() >= each.getValue();
      });
      if (done) return;
      Thread.sleep(20);
    }
  }
}
