# Ruby's standard HTTP client, on which Twilio's Ruby SDK stands as well: Net::HTTP.
require "json"
require "net/http"

ROOT = "https://trusthub.twilio.com/v1/CustomerProfiles"

def call(kind, url, form = nil)
  uri = URI(url)
  request = kind.new(uri)
  request.basic_auth(ENV.fetch("TWILIO_ACCOUNT_SID"), ENV.fetch("TWILIO_AUTH_TOKEN"))
  request.set_form_data(form) if form
  answer = Net::HTTP.start(uri.host, uri.port, use_ssl: true) { |http| http.request(request) }
  [answer.code.to_i, answer.body ? JSON.parse(answer.body) : nil]
end

def check(holds, what)
  abort(what) unless holds
end

made = Array.new(5) do |i|
  status, profile = call(Net::HTTP::Post, ROOT,
                         "FriendlyName" => "Ruby #{i}", "Email" => "a@example.com",
                         "PolicySid" => "RNdfbf3fae0e1107f8aded0e7cead80bf5")
  check(status == 201, "create answers #{status}")
  profile["sid"]
end
seen = []
url = "#{ROOT}?PageSize=2"
while url
  _, page = call(Net::HTTP::Get, url)
  seen += page["results"].map { |profile| profile["sid"] }
  url = page["meta"]["next_page_url"]
end
check((made - seen).empty?, "not all are listed")
status, error = call(Net::HTTP::Get, "#{ROOT}/BU#{'0' * 32}")
check([status, error["code"]] == [404, 20404], "a missing one answers #{status}")
made.each do |sid|
  status, = call(Net::HTTP::Delete, "#{ROOT}/#{sid}")
  check(status == 204, "delete answers #{status}")
end
status, = call(Net::HTTP::Get, "#{ROOT}/#{made[0]}")
check(status == 404, "a deleted one answers #{status}")
puts "made #{made.size}, all listed, 404/20404, deleted"
