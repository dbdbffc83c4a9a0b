package interop;

import com.alibaba.fastjson.JSONObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Properties;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.rocketmq.broker.BrokerController;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.namesrv.NamesrvConfig;
import org.apache.rocketmq.namesrv.NamesrvController;
import org.apache.rocketmq.remoting.netty.NettyClientConfig;
import org.apache.rocketmq.remoting.netty.NettyServerConfig;
import org.apache.rocketmq.store.DefaultMessageStore;
import org.apache.rocketmq.store.config.MessageStoreConfig;

/** A name server and a broker on loopback, in this process, over the store directory of the request. */
final class RealBroker {
  private final NamesrvController nameServer;
  private final BrokerController controller;
  private final long recoveredMaxPhyOffset;

  private RealBroker(NamesrvController nameServer, BrokerController controller, long recoveredMaxPhyOffset) {
    this.nameServer = nameServer;
    this.controller = controller;
    this.recoveredMaxPhyOffset = recoveredMaxPhyOffset;
  }

  /**
   * Opens the store and starts. Fields of the request: storeDir, scratchDir, brokerName, listenPort (0: any), and the objects `store` and
   * `broker`, whose fields are those of broker.conf.
   */
  static RealBroker start(JSONObject request) throws Exception {
    NamesrvController nameServer = startNameServer(Path.of(request.getString("scratchDir")));
    String nameServerAddress = "127.0.0.1:" + nameServer.getNettyServerConfig().getListenPort();

    BrokerConfig brokerConfig = new BrokerConfig();
    brokerConfig.setBrokerName(request.getString("brokerName"));
    brokerConfig.setBrokerIP1("127.0.0.1");
    brokerConfig.setBrokerIP2("127.0.0.1");
    brokerConfig.setNamesrvAddr(nameServerAddress);
    brokerConfig.setRocketmqHome(request.getString("scratchDir"));
    set(brokerConfig, request.getJSONObject("broker"));

    MessageStoreConfig storeConfig = new MessageStoreConfig();
    storeConfig.setStorePathRootDir(request.getString("storeDir"));
    storeConfig.setHaListenPort(freePort());
    set(storeConfig, request.getJSONObject("store"));

    // Port 0 would do for the listener, but the broker listens also on the port minus two (its "fast" server).
    NettyServerConfig serverConfig = new NettyServerConfig();
    serverConfig.setBindAddress("127.0.0.1");
    int port = request.getIntValue("listenPort");
    serverConfig.setListenPort(port == 0 ? freePort() : port);

    BrokerController controller = new BrokerController(brokerConfig, serverConfig, new NettyClientConfig(), storeConfig);
    if (!controller.initialize()) {
      throw new IllegalStateException("The broker refuses the store: initialize() returned false; its log says why.");
    }
    // From its start on the broker appends by itself: what is due, and after a kill what it does not know to have delivered.
    long recoveredMaxPhyOffset = controller.getMessageStore().getMaxPhyOffset();
    controller.start();
    RealBroker broker = new RealBroker(nameServer, controller, recoveredMaxPhyOffset);
    broker.register();
    return broker;
  }

  BrokerController controller() {
    return controller;
  }

  DefaultMessageStore store() {
    return (DefaultMessageStore) controller.getMessageStore();
  }

  /** Where the log ended when the broker had recovered it: what others wrote lies before, what this broker appended lies behind. */
  long recoveredMaxPhyOffset() {
    return recoveredMaxPhyOffset;
  }

  String brokerName() {
    return controller.getBrokerConfig().getBrokerName();
  }

  String nameServerAddress() {
    return controller.getBrokerConfig().getNamesrvAddr();
  }

  void putTopic(TopicConfig topic) {
    controller.getTopicConfigManager().updateTopicConfig(topic);
    controller.registerBrokerAll(true, false, true);
  }

  /**
   * Makes the topics known to the name server, so that clients find them. A registration does nothing, and says nothing, before the broker's
   * client has found out that the name server is there.
   */
  private void register() throws InterruptedException {
    String anyTopic = controller.getBrokerConfig().getBrokerClusterName();
    while (nameServer.getRouteInfoManager().pickupTopicRouteData(anyTopic) == null) {
      controller.registerBrokerAll(true, false, true);
      Thread.sleep(20);
    }
  }

  /** Waits until everything in the log is in the consume queues: before that, the broker keeps its abort file at a stop. */
  void awaitDispatch() throws InterruptedException {
    while (store().dispatchBehindBytes() > 0) {
      Thread.sleep(5);
    }
  }

  void stop() throws InterruptedException {
    awaitDispatch();
    controller.shutdown();
    nameServer.shutdown();
  }

  private static NamesrvController startNameServer(Path scratchDir) throws Exception {
    NamesrvConfig config = new NamesrvConfig();
    config.setRocketmqHome(scratchDir.toString());
    config.setKvConfigPath(scratchDir.resolve("namesrv/kvConfig.json").toString());
    config.setConfigStorePath(scratchDir.resolve("namesrv/namesrv.properties").toString());
    NettyServerConfig serverConfig = new NettyServerConfig();
    serverConfig.setBindAddress("127.0.0.1");
    serverConfig.setListenPort(freePort());
    NamesrvController nameServer = new NamesrvController(config, serverConfig);
    if (!nameServer.initialize()) {
      throw new IllegalStateException("The name server does not start.");
    }
    nameServer.start();
    return nameServer;
  }

  private static void set(Object config, JSONObject fields) {
    if (fields == null) {
      return;
    }
    Properties properties = new Properties();
    fields.forEach((name, value) -> properties.setProperty(name, String.valueOf(value)));
    MixAll.properties2Object(properties, config);
  }

  /**
   * A port that is free, as the one two below it is. Not one that the system gives to connections: several brokers run at the same time, and one's client would
   * take what another has just chosen.
   */
  private static int freePort() {
    for (; ; ) {
      int port = ThreadLocalRandom.current().nextInt(10_000, 30_000);
      if (isFree(port) && isFree(port - 2)) {
        return port;
      }
    }
  }

  private static boolean isFree(int port) {
    try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      return socket.isBound();
    } catch (IOException error) {
      return false;
    }
  }
}
