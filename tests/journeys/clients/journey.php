<?php
// PHP's standard HTTP client, which Twilio's PHP SDK uses as well: libcurl.
$root = "https://trusthub.twilio.com/v1/CustomerProfiles";

function call(string $method, string $url, ?array $form = null): array
{
    $curl = curl_init($url);
    curl_setopt_array($curl, [
        CURLOPT_CUSTOMREQUEST => $method,
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_USERPWD => getenv("TWILIO_ACCOUNT_SID") . ":" . getenv("TWILIO_AUTH_TOKEN"),
    ]);
    if ($form !== null) {
        curl_setopt($curl, CURLOPT_POSTFIELDS, http_build_query($form));
    }
    $body = curl_exec($curl);
    check($body !== false, curl_error($curl));
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), json_decode($body, true)];
}

function check(bool $holds, string $what): void
{
    if (!$holds) {
        fwrite(STDERR, "$what\n");
        exit(1);
    }
}

$made = [];
for ($i = 0; $i < 5; $i++) {
    [$status, $profile] = call("POST", $root, [
        "FriendlyName" => "PHP $i",
        "Email" => "a@example.com",
        "PolicySid" => "RNdfbf3fae0e1107f8aded0e7cead80bf5",
    ]);
    check($status === 201, "create answers $status");
    $made[] = $profile["sid"];
}
$seen = [];
for ($url = "$root?PageSize=2"; $url !== null; $url = $page["meta"]["next_page_url"]) {
    [, $page] = call("GET", $url);
    array_push($seen, ...array_column($page["results"], "sid"));
}
check(array_diff($made, $seen) === [], "not all are listed");
[$status, $error] = call("GET", "$root/BU" . str_repeat("0", 32));
check([$status, $error["code"]] === [404, 20404], "a missing one answers $status");
foreach ($made as $sid) {
    [$status] = call("DELETE", "$root/$sid");
    check($status === 204, "delete answers $status");
}
[$status] = call("GET", "$root/$made[0]");
check($status === 404, "a deleted one answers $status");
echo "made " . count($made) . ", all listed, 404/20404, deleted\n";
