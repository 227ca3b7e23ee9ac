// Java's standard HTTP client. Run as source: java Journey.java
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Journey {
    static final String ROOT = "https://trusthub.twilio.com/v1/CustomerProfiles";
    static final Pattern SID = Pattern.compile("\"sid\":\"(BU[0-9a-f]{32})\"");
    static final Pattern NEXT = Pattern.compile("\"next_page_url\":\"([^\"]+)\"");
    static final HttpClient HTTP = HttpClient.newHttpClient();
    static final String BASIC = "Basic " + Base64.getEncoder().encodeToString(
        (System.getenv("TWILIO_ACCOUNT_SID") + ":" + System.getenv("TWILIO_AUTH_TOKEN")).getBytes());

    static HttpResponse<String> call(String method, String url, String form) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
            .header("Authorization", BASIC)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .method(method, form == null ? BodyPublishers.noBody() : BodyPublishers.ofString(form))
            .build();
        return HTTP.send(request, BodyHandlers.ofString());
    }

    static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    public static void main(String[] arguments) throws Exception {
        List<String> made = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            HttpResponse<String> answer = call("POST", ROOT, "FriendlyName=Java+" + i
                + "&Email=a%40example.com&PolicySid=RNdfbf3fae0e1107f8aded0e7cead80bf5");
            check(answer.statusCode() == 201, "create: " + answer.body());
            Matcher sid = SID.matcher(answer.body());
            check(sid.find(), "no sid");
            made.add(sid.group(1));
        }
        StringBuilder seen = new StringBuilder();
        String url = ROOT + "?PageSize=2";
        while (url != null) {
            String page = call("GET", url, null).body();
            seen.append(page);
            Matcher next = NEXT.matcher(page);
            url = next.find() ? next.group(1) : null;
        }
        for (String sid : made) check(seen.indexOf(sid) >= 0, sid + " is not listed");
        HttpResponse<String> missing = call("GET", ROOT + "/BU" + "0".repeat(32), null);
        check(missing.statusCode() == 404 && missing.body().contains("20404"), missing.body());
        for (String sid : made) {
            check(call("DELETE", ROOT + "/" + sid, null).statusCode() == 204, "delete " + sid);
        }
        check(call("GET", ROOT + "/" + made.get(0), null).statusCode() == 404, "still there");
        System.out.println("made " + made.size() + ", all listed, 404/20404, deleted");
    }
}
