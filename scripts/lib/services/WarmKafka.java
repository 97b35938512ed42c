import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A broker and the clients that use it in one JVM, so that the archive of classes that the JVM makes at its end has those of
 * both in use. Arguments: server.properties, where that broker is to be found.
 */
public class WarmKafka {
  private static final String TOPIC = "warm";
  private static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);

  public static void main(String[] args) throws Exception {
    Thread broker = new Thread(() -> kafka.Kafka.main(new String[] {args[0]}), "broker");
    broker.setDaemon(true);
    broker.start();
    String brokers = args[1];
    try (Admin admin = Admin.create(client(brokers))) {
      admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
      admin.listTopics().names().get();
      admin.describeTopics(List.of(TOPIC)).allTopicNames().get();
      admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.TOPIC, TOPIC))).all().get();
      for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) transaction(brokers, codec);
      consume(brokers);
      admin.listOffsets(Map.of(PARTITION, OffsetSpec.latest())).all().get();
      admin.listConsumerGroups().all().get();
      admin.listConsumerGroupOffsets("warm").partitionsToOffsetAndMetadata().get();
      admin.listTransactions().all().get();
      admin.describeTransactions(List.of("warm-none")).all().get();
      admin.deleteRecords(Map.of(PARTITION, RecordsToDelete.beforeOffset(1))).all().get();
      admin.deleteTopics(List.of(TOPIC)).all().get();
    }
    System.exit(0);
  }

  private static Properties client(String brokers) {
    Properties client = new Properties();
    client.put("bootstrap.servers", brokers);
    return client;
  }

  private static void transaction(String brokers, String codec) throws Exception {
    Properties settings = client(brokers);
    settings.put("transactional.id", "warm-" + codec);
    settings.put("compression.type", codec);
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      producer.initTransactions();
      producer.beginTransaction();
      ProducerRecord<String, String> record = new ProducerRecord<>(TOPIC, 0, 1L, "key", "value ".repeat(100));
      record.headers().add("header", new byte[] {1});
      producer.send(record).get();
      producer.commitTransaction();
      producer.beginTransaction();
      producer.send(record).get();
      producer.abortTransaction();
    }
  }

  private static void consume(String brokers) {
    Properties settings = client(brokers);
    settings.put("group.id", "warm");
    settings.put("isolation.level", "read_committed");
    settings.put("auto.offset.reset", "earliest");
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of(TOPIC));
      int seen = 0;
      while (seen < 5) seen += consumer.poll(Duration.ofSeconds(10)).count();
      consumer.commitSync(Map.of(PARTITION, new OffsetAndMetadata(1)));
      consumer.unsubscribe();
      consumer.assign(List.of(PARTITION));
      consumer.seekToBeginning(List.of(PARTITION));
      consumer.poll(Duration.ofSeconds(1));
      consumer.endOffsets(List.of(PARTITION));
    }
  }
}
