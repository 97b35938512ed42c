import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Java's producer, consumer and admin client, driven by lines of JSON on standard input: {"id", "op", ...}. Each line is
 * answered by one: {"id", "result"} or {"id", "error", "message"}. Lines are carried out at once, each in a thread of its
 * own; whoever wants an order waits for the answer. Bytes are base64.
 */
public final class JavaPeer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private final Map<String, Object> client;
  private final Admin admin;
  private final Map<String, KafkaProducer<byte[], byte[]>> producers = new ConcurrentHashMap<>();
  private final PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, UTF_8);

  private JavaPeer(Map<String, Object> client) {
    this.client = client;
    this.admin = Admin.create(client);
  }

  public static void main(String[] args) throws Exception {
    Map<String, Object> client = new HashMap<>();
    JSON.readTree(args[0]).fields().forEachRemaining(each -> client.put(each.getKey(), each.getValue().asText()));
    new JavaPeer(client).serve();
  }

  private void serve() throws Exception {
    var threads = Executors.newCachedThreadPool();
    var in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    answer(JSON.createObjectNode().put("id", 0).putNull("result"));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode command = JSON.readTree(line);
      threads.execute(() -> answer(reply(command)));
    }
    // The one who asks has gone: a transaction that is open stays open, as after a crash.
    Runtime.getRuntime().halt(0);
  }

  private synchronized void answer(ObjectNode answer) {
    out.println(answer);
    out.flush();
  }

  private ObjectNode reply(JsonNode command) {
    ObjectNode answer = JSON.createObjectNode().put("id", command.get("id").asInt());
    try {
      return answer.set("result", perform(command));
    } catch (Throwable thrown) {
      Throwable cause = thrown instanceof ExecutionException && thrown.getCause() != null ? thrown.getCause() : thrown;
      return answer.put("error", cause.getClass().getSimpleName()).put("message", String.valueOf(cause.getMessage()));
    }
  }

  private JsonNode perform(JsonNode command) throws Exception {
    return switch (command.get("op").asText()) {
      case "producer" -> openProducer(command);
      case "send" -> send(command);
      case "begin", "commit", "abort", "close" -> step(command);
      case "dump" -> dump(command);
      case "createTopic" -> createTopic(command);
      case "deleteTopic" -> deleteTopic(text(command, "topic"));
      case "topics" -> JSON.valueToTree(admin.listTopics().names().get());
      case "addPartitions" -> nothing(admin.createPartitions(
          Map.of(text(command, "topic"), NewPartitions.increaseTo(command.get("partitions").asInt()))).all().get());
      case "setConfig" -> setConfig(command);
      case "getConfig" -> getConfig(command);
      case "describe" -> describe(command);
      case "lead" -> lead(command);
      case "groupOffsets" -> groupOffsets(command);
      case "transaction" -> transaction(command);
      case "allow" -> allow(command);
      default -> throw new IllegalArgumentException("no op " + command.get("op"));
    };
  }

  private JsonNode openProducer(JsonNode command) {
    Map<String, Object> config = new HashMap<>(client);
    config.put("acks", "all");
    config.put("linger.ms", 1000);
    command.get("config").fields().forEachRemaining(each -> config.put(each.getKey(), each.getValue().asText()));
    var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    producers.put(text(command, "name"), producer);
    if (config.containsKey("transactional.id")) producer.initTransactions();
    return null;
  }

  private JsonNode step(JsonNode command) {
    var producer = producer(command);
    switch (command.get("op").asText()) {
      case "begin" -> producer.beginTransaction();
      case "commit" -> producer.commitTransaction();
      case "abort" -> producer.abortTransaction();
      default -> producer.close(Duration.ofSeconds(10));
    }
    return null;
  }

  /** Sends the records in one batch per partition if they fit; answers [partition, offset] of each. */
  private JsonNode send(JsonNode command) throws Exception {
    var producer = producer(command);
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (JsonNode row : command.get("records")) {
      Integer partition = row.get("partition").isNull() ? null : row.get("partition").asInt();
      Long timestamp = row.get("timestamp").isNull() ? null : row.get("timestamp").asLong();
      var record = new ProducerRecord<>(
          text(command, "topic"), partition, timestamp, bytes(row.get("key")), bytes(row.get("value")));
      for (JsonNode header : row.get("headers")) record.headers().add(header.get(0).asText(), bytes(header.get(1)));
      sent.add(producer.send(record));
    }
    producer.flush();
    ArrayNode places = JSON.createArrayNode();
    for (var each : sent) places.addArray().add(each.get().partition()).add(each.get().offset());
    return places;
  }

  /** Every record from the start of the topic up to its end as it is now: for read_committed, the last stable offset. */
  private JsonNode dump(JsonNode command) {
    Map<String, Object> config = new HashMap<>(client);
    config.put("isolation.level", text(command, "isolation"));
    config.put("enable.auto.commit", false);
    config.put("fetch.max.wait.ms", 50);
    ArrayNode rows = JSON.createArrayNode();
    try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions = consumer.partitionsFor(text(command, "topic")).stream()
          .map(each -> new TopicPartition(each.topic(), each.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        if (System.nanoTime() > deadline) throw new IllegalStateException("the end " + ends + " is never reached");
        for (var record : consumer.poll(Duration.ofMillis(100))) {
          if (record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()))) rows.add(row(record));
        }
      }
    }
    return rows;
  }

  private static ObjectNode row(ConsumerRecord<byte[], byte[]> record) {
    ObjectNode row = JSON.createObjectNode().put("partition", record.partition()).put("offset", record.offset())
        .put("timestamp", record.timestamp()).put("key", base64(record.key())).put("value", base64(record.value()));
    ArrayNode headers = row.putArray("headers");
    for (Header header : record.headers()) headers.addArray().add(header.key()).add(base64(header.value()));
    return row;
  }

  private JsonNode createTopic(JsonNode command) throws Exception {
    var partitions = Optional.of(command.get("partitions").asInt());
    var topic = new NewTopic(text(command, "topic"), partitions, Optional.empty());
    Map<String, String> config = new HashMap<>();
    command.get("config").fields().forEachRemaining(each -> config.put(each.getKey(), each.getValue().asText()));
    boolean known = admin.listTopics().names().get().contains(topic.name());
    try {
      admin.createTopics(List.of(topic.configs(config))).all().get();
    } catch (ExecutionException failed) {
      // The client asks again when it got no answer: what it is told then may be of the topic that its first request made.
      if (known || !(failed.getCause() instanceof TopicExistsException)) throw failed;
    }
    return awaitLeaders(topic.name(), partitions.get());
  }

  /** The controller answers before each broker knows the topic. */
  private JsonNode awaitLeaders(String topic, int partitions) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (true) {
      try {
        var found = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions();
        if (found.size() == partitions && found.stream().allMatch(each -> each.leader() != null)) return null;
      } catch (ExecutionException notYet) {
        if (System.nanoTime() > deadline) throw notYet;
      }
      if (System.nanoTime() > deadline) throw new IllegalStateException(topic + " has no leaders");
      Thread.sleep(10);
    }
  }

  /** The controller answers before each broker knows of it. */
  private static JsonNode until(String what, Callable<Boolean> seen) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!seen.call()) {
      if (System.nanoTime() > deadline) throw new IllegalStateException("not within 30 s: " + what);
      Thread.sleep(10);
    }
    return null;
  }

  private JsonNode deleteTopic(String topic) throws Exception {
    admin.deleteTopics(List.of(topic)).all().get();
    return until(topic + " is gone", () -> !admin.listTopics().names().get().contains(topic));
  }

  private JsonNode setConfig(JsonNode command) throws Exception {
    List<AlterConfigOp> ops = new ArrayList<>();
    command.get("config").fields().forEachRemaining(each -> ops.add(
        new AlterConfigOp(new ConfigEntry(each.getKey(), each.getValue().asText()), AlterConfigOp.OpType.SET)));
    var resource = new ConfigResource(ConfigResource.Type.TOPIC, text(command, "topic"));
    admin.incrementalAlterConfigs(Map.of(resource, ops)).all().get();
    return until(resource + " is changed", () -> {
      var seen = admin.describeConfigs(List.of(resource)).all().get().get(resource);
      return ops.stream().allMatch(op -> op.configEntry().value().equals(seen.get(op.configEntry().name()).value()));
    });
  }

  private JsonNode getConfig(JsonNode command) throws Exception {
    var resource = new ConfigResource(ConfigResource.Type.TOPIC, text(command, "topic"));
    ObjectNode values = JSON.createObjectNode();
    for (var entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
      values.put(entry.name(), entry.value());
    }
    return values;
  }

  private JsonNode describe(JsonNode command) throws Exception {
    String topic = text(command, "topic");
    ArrayNode rows = JSON.createArrayNode();
    for (var each : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
      ObjectNode row = rows.addObject().put("partition", each.partition());
      if (each.leader() == null) row.putNull("leader");
      else row.put("leader", each.leader().id());
      ArrayNode replicas = row.putArray("replicas");
      each.replicas().forEach(node -> replicas.add(node.id()));
      ArrayNode inSync = row.putArray("inSync");
      each.isr().forEach(node -> inSync.add(node.id()));
    }
    return rows;
  }

  /** Makes a broker the leader of a partition, by naming it first among the replicas. */
  private JsonNode lead(JsonNode command) throws Exception {
    var partition = new TopicPartition(text(command, "topic"), command.get("partition").asInt());
    int leader = command.get("broker").asInt();
    var now = admin.describeTopics(List.of(partition.topic())).allTopicNames().get().get(partition.topic());
    List<Integer> replicas = new ArrayList<>(List.of(leader));
    for (var node : now.partitions().get(partition.partition()).replicas()) if (node.id() != leader) replicas.add(node.id());
    admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(replicas)))).all().get();
    while (!admin.listPartitionReassignments(Set.of(partition)).reassignments().get().isEmpty()) Thread.sleep(10);
    var outcome = admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).partitions().get().get(partition);
    // It may lead already.
    if (outcome.isPresent() && !outcome.get().getClass().getSimpleName().equals("ElectionNotNeededException")) {
      throw new IllegalStateException(outcome.get());
    }
    return until(partition + " is led by " + leader, () -> {
      var there = admin.describeTopics(List.of(partition.topic())).allTopicNames().get().get(partition.topic());
      var leads = there.partitions().get(partition.partition()).leader();
      return leads != null && leads.id() == leader;
    });
  }

  private JsonNode groupOffsets(JsonNode command) throws Exception {
    ArrayNode rows = JSON.createArrayNode();
    var offsets = admin.listConsumerGroupOffsets(text(command, "group")).partitionsToOffsetAndMetadata().get();
    offsets.forEach((partition, offset) -> {
      if (offset == null) return;
      rows.addObject().put("topic", partition.topic()).put("partition", partition.partition())
          .put("offset", offset.offset()).put("metadata", offset.metadata());
    });
    return rows;
  }

  private JsonNode transaction(JsonNode command) throws Exception {
    String id = text(command, "transactionalId");
    var found = admin.describeTransactions(List.of(id)).description(id).get();
    ObjectNode row = JSON.createObjectNode().put("state", found.state().toString())
        .put("producerId", found.producerId()).put("producerEpoch", found.producerEpoch())
        .put("timeoutMs", found.transactionTimeoutMs());
    ArrayNode partitions = row.putArray("partitions");
    found.topicPartitions().stream().map(TopicPartition::toString).sorted().forEach(partitions::add);
    return row;
  }

  private JsonNode allow(JsonNode command) throws Exception {
    var type = ResourceType.fromString(text(command, "resource"));
    var pattern = new ResourcePattern(type, text(command, "name"), PatternType.LITERAL);
    var operation = AclOperation.fromString(text(command, "operation"));
    var entry = new AccessControlEntry(text(command, "principal"), "*", operation, AclPermissionType.ALLOW);
    return nothing(admin.createAcls(List.of(new AclBinding(pattern, entry))).all().get());
  }

  private KafkaProducer<byte[], byte[]> producer(JsonNode command) {
    var producer = producers.get(text(command, "name"));
    if (producer == null) throw new IllegalStateException("no producer " + text(command, "name"));
    return producer;
  }

  private static JsonNode nothing(Object ignored) {
    return null;
  }

  private static String text(JsonNode command, String field) {
    return command.get(field).asText();
  }

  private static byte[] bytes(JsonNode node) {
    return node.isNull() ? null : Base64.getDecoder().decode(node.asText());
  }

  private static String base64(byte[] bytes) {
    return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
  }
}
