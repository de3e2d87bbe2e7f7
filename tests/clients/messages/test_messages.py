"""What SNS and SES are asked, field by field, as moto records it: an implementation of both that
knows nothing of us. botocore's models of the two services check each request besides."""

import base64
import json
import logging
import re
import tempfile
from pathlib import Path
from urllib.parse import parse_qsl

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import ParamValidator
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_api import recorder
from moto.server import ThreadedMotoServer
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends

from common import LocalTest

REGION = "us-east-1"
FROM = "Sign-in <sign-in@example.com>"
APP = '<b>&"'
MAILS = "/v2/email/outbound-emails"
LIMITS = {"connect_timeout": 5, "read_timeout": 30, "retries": {"total_max_attempts": 1}}
# moto's server would tell of each request.
logging.getLogger("werkzeug").disabled = True
KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": REGION}


def assert_valid(service, operation, request):
    """Fails unless `request` is one of the operation's, as its service's model has it."""
    shape = get_session().get_service_model(service).operation_model(operation).input_shape
    unknown = set(request) - set(shape.members)
    assert not unknown, unknown
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()


class MessageTest(LocalTest):
    """Signs people in; their messages go to a moto of the test's own."""

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        recorder._location = str(Path(directory.name, "requests"))
        cls.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        cls.moto.start()
        cls.addClassCleanup(cls.moto.stop)
        host, port = cls.moto.get_host_and_port()
        url = f"http://{host}:{port}"
        ses = boto3.client("sesv2", endpoint_url=url, config=Config(**LIMITS), **KEYS)
        ses.create_email_identity(EmailIdentity="sign-in@example.com")
        ses.close()
        recorder.start_recording()
        cls.addClassCleanup(recorder.stop_recording)
        services = {"AWS_ENDPOINT_URL_SNS": url, "AWS_ENDPOINT_URL_SESV2": url}
        cls.settings = {
            **services, "EMAIL_FROM": FROM, "RESEND_AFTER_SECONDS": "0", **cls.settings
        }
        super().setUpClass()

    def setUp(self):
        super().setUp()
        recorder.reset_recording()
        self.device = self.connect(config=Config(signature_version=UNSIGNED, **LIMITS))
        self.server = self.connect(config=Config(**LIMITS), **KEYS)
        self.phone = self.new_phone()
        self.email = f"person{self.phone[1:]}@example.com"

    def connect(self, **options):
        options.setdefault("region_name", REGION)
        client = boto3.client("cognito-idp", endpoint_url=self.local.url, **options)
        self.addCleanup(client.close)
        return client

    def create_user(self, **attributes):
        attributes = {
            "phone_number": self.phone,
            "phone_number_verified": "true",
            "email": self.email,
            "email_verified": "true",
            **attributes,
        }
        self.server.admin_create_user(
            UserPoolId=self.local.pool_id,
            Username=self.phone,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )

    def start(self):
        return self.device.initiate_auth(
            ClientId=self.local.client_id,
            AuthFlow="CUSTOM_AUTH",
            AuthParameters={"USERNAME": self.phone},
        )

    def respond(self, reply, answer, **metadata):
        return self.device.respond_to_auth_challenge(
            ClientId=self.local.client_id,
            ChallengeName="CUSTOM_CHALLENGE",
            Session=reply["Session"],
            ChallengeResponses={
                "USERNAME": reply["ChallengeParameters"]["USERNAME"], "ANSWER": answer
            },
            ClientMetadata=metadata,
        )

    def signs_in(self, reply, code):
        self.assertIn("AccessToken", self.respond(reply, code)["AuthenticationResult"])
        # Nothing went where no one looks.
        self.assertEqual(self.local.outbox(), [])

    def requests(self):
        """The requests since the test began: path and body of each."""
        requests = []
        for line in recorder.download_recording().splitlines():
            entry = json.loads(line)
            path = re.sub(r"^https?://[^/]+", "", entry["url"])
            body = base64.b64decode(entry["body"]).decode()
            self.assertIn(f"/{REGION}/", entry["headers"]["Authorization"])
            requests.append((path, body))
        return requests

    def text(self):
        """The one text so far: what SNS was asked, without what is the same for every request."""
        [(path, body)] = self.requests()
        self.assertEqual(path, "/")
        fields = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
        self.assertEqual((fields.pop("Action"), fields.pop("Version")), ("Publish", "2010-03-31"))
        attributes = {}
        number = 1
        while name := fields.pop(f"MessageAttributes.entry.{number}.Name", None):
            value = f"MessageAttributes.entry.{number}.Value."
            attributes[name] = {
                "DataType": fields.pop(f"{value}DataType"),
                "StringValue": fields.pop(f"{value}StringValue"),
            }
            number += 1
        request = {**fields, "MessageAttributes": attributes}
        assert_valid("sns", "Publish", request)
        # What moto made of it.
        sent = sns_backends[DEFAULT_ACCOUNT_ID][REGION].sms_messages.values()
        self.assertIn((self.phone, request["Message"]), sent)
        return request

    def mail(self):
        """What SES was asked last."""
        path, body = self.requests()[-1]
        self.assertEqual(path, MAILS)
        request = json.loads(body)
        assert_valid("sesv2", "SendEmail", request)
        return request

    def kept_mail(self):
        """What moto kept of the mail to this test's person."""
        kept = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
        [mail] = [mail for mail in kept if mail.destinations == {"ToAddresses": [self.email]}]
        return mail


class ByDefault(MessageTest):
    def test_default_sms_and_email_requests_match(self):
        self.create_user()
        reply = self.start()
        text = self.text()
        code = re.match(r"\d{6}(?!\d)", text["Message"])[0]
        self.assertEqual(
            text,
            {
                "PhoneNumber": self.phone,
                "Message": f"{code} is your sign-in code. It is valid for 5 minutes. "
                "Do not share it: nobody from us will ask for it.",
                "MessageAttributes": {
                    "AWS.SNS.SMS.SMSType": {
                        "DataType": "String", "StringValue": "Transactional"
                    }
                },
            },
        )
        reply = self.respond(reply, "-", action="resend", medium="EMAIL", locale="zh-TW")
        self.assertEqual(len(self.requests()), 2)
        mail = self.mail()
        html = mail["Content"]["Simple"]["Body"].pop("Html")
        text = mail["Content"]["Simple"]["Body"]["Text"].pop("Data")
        self.assertEqual(
            mail,
            {
                "FromEmailAddress": FROM,
                "Destination": {"ToAddresses": [self.email]},
                "Content": {
                    "Simple": {
                        "Subject": {"Data": f"{code} 是您的登入驗證碼", "Charset": "UTF-8"},
                        "Body": {"Text": {"Charset": "UTF-8"}},
                    }
                },
                "EmailTags": [{"Name": "message", "Value": "sign-in-code"}],
            },
        )
        self.assertIn(f"\n{code}\n", text)
        self.assertEqual(html.pop("Charset"), "UTF-8")
        self.assertIn('<html lang="zh-Hant" dir="ltr">', html["Data"])
        self.assertIn(f">{code}</p>", html["Data"])
        kept = self.kept_mail()
        self.assertEqual((kept.source, kept.body), (FROM, html["Data"]))
        self.signs_in(reply, code)


class WithEverySetting(MessageTest):
    settings = {
        "APP_NAME": APP,
        "DEFAULT_LOCALE": "fr",
        "CODE_LENGTH": "8",
        "WEB_OTP_DOMAIN": "example.com",
        "ANDROID_APP_HASH": "FA+9qCX9VSu",
        "SMS_SENDER_ID": "Example",
        "SMS_ORIGINATION_NUMBER": "+12065550100",
        "SMS_MAX_PRICE_USD": "0.05",
        "SMS_ENTITY_ID": "1101456789012345678",
        "SMS_TEMPLATE_ID": "1107161234567890123",
        "EMAIL_CONFIGURATION_SET": "sign-in",
        "MESSAGE_SMS_PT_BR": "{code}: {app} & {minutes} min + 100%",
    }

    def test_sms_and_email_requests_carry_every_setting(self):
        self.create_user(locale="pt-PT")
        reply = self.start()
        text = self.text()
        code = re.match(r"\d{8}(?!\d)", text["Message"])[0]
        string = lambda value: {"DataType": "String", "StringValue": value}
        self.assertEqual(
            text,
            {
                "PhoneNumber": self.phone,
                "Message": f"{code}: {APP} & 5 min + 100%\nFA+9qCX9VSu\n@example.com #{code}",
                "MessageAttributes": {
                    "AWS.SNS.SMS.SMSType": string("Transactional"),
                    "AWS.SNS.SMS.SenderID": string("Example"),
                    "AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.05"},
                    "AWS.MM.SMS.OriginationNumber": string("+12065550100"),
                    "AWS.MM.SMS.EntityId": string("1101456789012345678"),
                    "AWS.MM.SMS.TemplateId": string("1107161234567890123"),
                },
            },
        )
        reply = self.respond(reply, "-", action="resend", medium="EMAIL", locale="ar")
        mail = self.mail()
        self.assertEqual(mail["ConfigurationSetName"], "sign-in")
        subject = mail["Content"]["Simple"]["Subject"]["Data"]
        # Events that a configuration set publishes quote the subject.
        self.assertEqual(subject, f"رمز تسجيل الدخول إلى \u2068{APP}\u2069")
        html = mail["Content"]["Simple"]["Body"]["Html"]["Data"]
        self.assertIn("&lt;b&gt;&amp;&quot;", html)
        self.assertNotIn(APP, html)
        self.assertIn('<html lang="ar" dir="rtl">', html)
        # Neither the code nor anybody's name is in what the events tell.
        tags = json.dumps([mail["EmailTags"], mail["ConfigurationSetName"], subject])
        self.assertNotIn(code, tags)
        self.assertEqual(mail["EmailTags"], [{"Name": "message", "Value": "sign-in-code"}])
        self.signs_in(reply, code)

    def test_unsupported_locale_uses_the_default(self):
        self.create_user(locale="tlh")
        self.start()
        text = self.text()["Message"]
        self.assertRegex(text, r"^\d{8} est votre code de connexion à ")


class WithAStoredTemplate(MessageTest):
    settings = {"MEDIA": "EMAIL", "EMAIL_TEMPLATE": "SignInCode", "APP_NAME": APP}

    def test_stored_template_receives_every_field(self):
        self.create_user(locale="ja")
        # moto has no stored templates in version 2 of SES, so it refuses what it has recorded.
        with self.assertRaises(ClientError) as caught:
            self.start()
        self.assertIn("DELIVERY_FAILED", str(caught.exception))
        mail = self.mail()
        template = mail["Content"].pop("Template")
        self.assertEqual(mail["Content"], {})
        self.assertEqual(template.pop("TemplateName"), "SignInCode")
        fields = json.loads(template.pop("TemplateData"))
        self.assertEqual(template, {})
        self.assertRegex(fields.pop("code"), r"^\d{6}$")
        self.assertEqual(
            fields,
            {
                "app": APP,
                "minutes": "5",
                "time": "5分",
                "locale": "ja",
                "direction": "ltr",
                "title": f"{APP}のログイン用認証コード",
                "enter": "ログイン画面で次のコードを入力してください。",
                "expires": "このコードの有効期間は5分です。",
                "warning": "コードは他人に教えないでください。当社からお尋ねすることはありません。",
                "ignore": "お心当たりがない場合は、このメールを破棄してください。",
            },
        )
        self.assertEqual(self.local.outbox(), [])
