package tidemark.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills a topic, which it creates, with visits: keys `user-000000042` uniform over some number, partitions by Java's default
 * partitioner, values of JSON; about 110 B a record with its overhead. Timestamps rise over a day. The same arguments give the
 * same records.
 */
public final class Generate {
  private static final long FIRST_MS = 1_700_000_000_000L;
  private static final long DAY_MS = 86_400_000;

  private Generate() {}

  /** Arguments: brokers, topic, partitions, records, keys, codec. */
  public static void main(String[] args) throws Exception {
    String brokers = args[0];
    String topic = args[1];
    long records = Long.parseLong(args[3]);
    int keys = Integer.parseInt(args[4]);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
      var made = new NewTopic(topic, Optional.of(Integer.parseInt(args[2])), Optional.empty());
      admin.createTopics(List.of(made)).all().get();
    }
    Map<String, Object> config = Map.of("bootstrap.servers", brokers, "acks", "1", "linger.ms", 20, "batch.size", 256 << 10,
        "buffer.memory", 64L << 20, "compression.type", args[5], "enable.idempotence", false, "max.in.flight.requests.per.connection", 1);
    var failure = new AtomicReference<Exception>();
    var random = new SplittableRandom(7);
    try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (long i = 0; i < records; i++) {
        String user = user(random.nextInt(keys));
        long timestamp = FIRST_MS + i * DAY_MS / records;
        String value = "{\"user\":\"" + user + "\",\"page\":\"/products/" + i % 1000 + "\",\"at\":" + timestamp + "}";
        var record = new ProducerRecord<>(topic, null, timestamp, user.getBytes(US_ASCII), value.getBytes(US_ASCII));
        producer.send(record, (place, error) -> {
          if (error != null) failure.compareAndSet(null, error);
        });
      }
    }
    if (failure.get() != null) throw failure.get();
  }

  private static String user(int n) {
    String digits = Integer.toString(n);
    return "user-" + "0".repeat(9 - digits.length()) + digits;
  }
}
