import java.io.FileInputStream;
import java.security.KeyStore;
import java.util.Base64;

/** `java ExportKey.java STORE PASSWORD ALIAS`: prints a private key of a PKCS #12 store as PEM, which keytool does not. */
public final class ExportKey {
  public static void main(String[] args) throws Exception {
    char[] password = args[1].toCharArray();
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (FileInputStream file = new FileInputStream(args[0])) {
      store.load(file, password);
    }
    byte[] key = store.getKey(args[2], password).getEncoded();
    System.out.println("-----BEGIN PRIVATE KEY-----");
    System.out.println(Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(key));
    System.out.println("-----END PRIVATE KEY-----");
  }
}
