package interop;

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONObject;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Runs one request against a real broker: `java … interop.Main request.json`. Says OPENED when the broker has taken the store, DONE when
 * the command is through, STOPPED after a clean stop. What the broker logs goes to the file of the system property interop.logFile.
 *
 * Commands: write (carries out a plan), read (lists everything in the store), open (does nothing more). With `holdUntilStdinCloses`, the broker
 * runs on after the command: the driver either closes stdin (clean stop) or kills the process.
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    JSONObject request = JSON.parseObject(Files.readString(Path.of(args[0])));
    // The client compares this with the broker's version; unset it is the oldest, and the client then leaves fields out.
    System.setProperty("rocketmq.remoting.version", String.valueOf(org.apache.rocketmq.common.MQVersion.CURRENT_VERSION));
    int exitCode = 0;
    try {
      RealBroker broker = RealBroker.start(request);
      say("OPENED");
      switch (request.getString("command")) {
        case "write" -> new PlanWriter(broker, request).run();
        case "read" -> new StoreReader(broker, request).run();
        case "open" -> broker.awaitDispatch();
        default -> throw new IllegalArgumentException("unknown command " + request.getString("command"));
      }
      say("DONE");
      if (request.getBooleanValue("holdUntilStdinCloses")) {
        while (System.in.read() >= 0) {
          // Only the end of the stream matters.
        }
      }
      broker.stop();
      say("STOPPED");
    } catch (Throwable error) {
      error.printStackTrace();
      exitCode = 1;
    }
    // The broker's thread pools keep a JVM alive that has nothing more to do.
    Runtime.getRuntime().halt(exitCode);
  }

  private static void say(String word) {
    System.out.println(word);
    System.out.flush();
  }
}
