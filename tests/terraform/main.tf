# Every kind of resource that the embedded services have, as people declare them.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "endpoint" { type = string }
variable "access_key" { type = string }
variable "secret_key" { type = string }
variable "prefix" { type = string }

# What the second apply changes.
variable "visibility_timeout_seconds" { default = 30 }
variable "greeting" { default = "hello" }
variable "schedule" { default = "rate(1 hour)" }
variable "stable_weight" { default = 100 }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = var.access_key
  secret_key                  = var.secret_key
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  s3_use_path_style           = true

  endpoints {
    cloudwatchevents = var.endpoint
    cloudwatchlogs   = var.endpoint
    iam              = var.endpoint
    kms              = var.endpoint
    lambda           = var.endpoint
    pipes            = var.endpoint
    s3               = var.endpoint
    s3control        = var.endpoint
    scheduler        = var.endpoint
    secretsmanager   = var.endpoint
    sfn              = var.endpoint
    sns              = var.endpoint
    sqs              = var.endpoint
    ssm              = var.endpoint
    sts              = var.endpoint
  }

  default_tags {
    tags = { team = "orders" }
  }
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["lambda", "states", "events", "scheduler", "pipes"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "service" {
  for_each           = data.aws_iam_policy_document.assume
  name               = "${var.prefix}-${each.key}"
  assume_role_policy = each.value.json
}

resource "aws_iam_policy" "send" {
  name = "${var.prefix}-send"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:SendMessage", "sns:Publish", "states:StartExecution", "lambda:InvokeFunction"]
      Resource = "*"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "send" {
  for_each   = aws_iam_role.service
  role       = each.value.name
  policy_arn = aws_iam_policy.send.arn
}

resource "aws_iam_role_policy_attachment" "basic" {
  role       = aws_iam_role.service["lambda"].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "inline" {
  name = "logs"
  role = aws_iam_role.service["states"].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "logs:*", Resource = "*" }]
  })
}

resource "aws_iam_user" "worker" {
  name = "${var.prefix}-worker"
}

resource "aws_iam_access_key" "worker" {
  user = aws_iam_user.worker.name
}

resource "aws_sqs_queue" "dead" {
  name = "${var.prefix}-dead"
}

resource "aws_sqs_queue" "orders" {
  name                       = "${var.prefix}-orders"
  visibility_timeout_seconds = var.visibility_timeout_seconds
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 4
  })
}

resource "aws_sqs_queue" "ordered" {
  name                        = "${var.prefix}-ordered.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
}

resource "aws_sqs_queue_policy" "orders" {
  queue_url = aws_sqs_queue.orders.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"] }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.orders.arn
    }]
  })
}

resource "aws_sns_topic" "orders" {
  name         = "${var.prefix}-orders"
  display_name = var.greeting
}

resource "aws_sns_topic_subscription" "orders" {
  topic_arn            = aws_sns_topic.orders.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.orders.arn
  raw_message_delivery = true
  filter_policy        = jsonencode({ kind = ["new"] })
}

resource "aws_lambda_function" "greet" {
  function_name = "${var.prefix}-greet"
  role          = aws_iam_role.service["lambda"].arn
  runtime       = "python3.12"
  handler       = "index.handler"
  filename      = "${path.module}/function.zip"
  environment {
    variables = { GREETING = var.greeting }
  }
}

resource "aws_cloudwatch_log_group" "workflow" {
  name              = "/windlass/${var.prefix}"
  retention_in_days = 14
}

resource "aws_sfn_state_machine" "orders" {
  name     = "${var.prefix}-orders"
  role_arn = aws_iam_role.service["states"].arn
  definition = jsonencode({
    StartAt = "Greet"
    States = {
      Greet = { Type = "Task", Resource = aws_lambda_function.greet.arn, Next = "Send" }
      Send = {
        Type       = "Task"
        Resource   = "arn:aws:states:::sqs:sendMessage"
        Parameters = { QueueUrl = aws_sqs_queue.orders.id, "MessageBody.$" = "$" }
        End        = true
      }
    }
  })
}

resource "aws_sfn_activity" "approve" {
  name = "${var.prefix}-approve"
  tags = { greeting = var.greeting }
}

# Each change is a version; aliases lead to versions.
resource "aws_sfn_state_machine" "published" {
  name     = "${var.prefix}-published"
  role_arn = aws_iam_role.service["states"].arn
  publish  = true
  type     = "EXPRESS"
  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.workflow.arn}:*"
    include_execution_data = true
    level                  = "ERROR"
  }
  definition = jsonencode({
    StartAt = "Greet"
    States  = { Greet = { Type = "Pass", Result = var.greeting, End = true } }
  })
}

resource "aws_sfn_state_machine" "approval" {
  name     = "${var.prefix}-approval"
  role_arn = aws_iam_role.service["states"].arn
  publish  = true
  tracing_configuration {
    enabled = true
  }
  definition = jsonencode({
    StartAt = "Approve"
    States = {
      Approve = { Type = "Task", Resource = aws_sfn_activity.approve.id, TimeoutSeconds = tonumber(var.visibility_timeout_seconds), End = true }
    }
  })
}

resource "aws_sfn_alias" "live" {
  name        = "live"
  description = var.greeting
  routing_configuration {
    state_machine_version_arn = aws_sfn_state_machine.published.state_machine_version_arn
    weight                    = 100
  }
}

resource "aws_sfn_alias" "split" {
  name = "split"
  routing_configuration {
    state_machine_version_arn = "${aws_sfn_state_machine.approval.arn}:1"
    weight                    = tonumber(var.stable_weight)
  }
  dynamic "routing_configuration" {
    for_each = tonumber(var.stable_weight) < 100 ? [1] : []
    content {
      state_machine_version_arn = aws_sfn_state_machine.approval.state_machine_version_arn
      weight                    = 100 - tonumber(var.stable_weight)
    }
  }
  depends_on = [aws_sfn_state_machine.approval]
}

data "aws_sfn_alias" "live" {
  name             = aws_sfn_alias.live.name
  statemachine_arn = aws_sfn_state_machine.published.arn
  depends_on       = [aws_sfn_alias.live]
}

data "aws_sfn_activity" "approve" {
  name       = aws_sfn_activity.approve.name
  depends_on = [aws_sfn_activity.approve]
}

data "aws_sfn_state_machine_versions" "published" {
  statemachine_arn = aws_sfn_state_machine.published.arn
  depends_on       = [aws_sfn_state_machine.published]
}

resource "aws_cloudwatch_event_bus" "orders" {
  name = "${var.prefix}-orders"
}

resource "aws_cloudwatch_event_rule" "placed" {
  name           = "${var.prefix}-placed"
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  event_pattern  = jsonencode({ source = ["shop"], detail = { total = [{ numeric = [">", 10] }] } })
}

resource "aws_cloudwatch_event_target" "workflow" {
  rule           = aws_cloudwatch_event_rule.placed.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  arn            = aws_sfn_state_machine.orders.arn
  role_arn       = aws_iam_role.service["events"].arn
  input_transformer {
    input_paths    = { total = "$.detail.total" }
    input_template = "{\"total\": <total>}"
  }
}

resource "aws_cloudwatch_event_archive" "orders" {
  name             = "${var.prefix}-orders"
  event_source_arn = aws_cloudwatch_event_bus.orders.arn
  retention_days   = 7
}

resource "aws_cloudwatch_event_connection" "shop" {
  name               = "${var.prefix}-shop"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "x-api-key"
      value = "secret"
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "shop" {
  name                             = "${var.prefix}-shop"
  connection_arn                   = aws_cloudwatch_event_connection.shop.arn
  http_method                      = "POST"
  invocation_endpoint              = "https://example.com/orders"
  invocation_rate_limit_per_second = 10
}

resource "aws_scheduler_schedule_group" "orders" {
  name = "${var.prefix}-orders"
}

resource "aws_scheduler_schedule" "nightly" {
  name                         = "${var.prefix}-nightly"
  group_name                   = aws_scheduler_schedule_group.orders.name
  schedule_expression          = var.schedule
  schedule_expression_timezone = "Europe/Berlin"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_sfn_state_machine.orders.arn
    role_arn = aws_iam_role.service["scheduler"].arn
    input    = jsonencode({ nightly = true })
  }
}

resource "aws_pipes_pipe" "orders" {
  name     = "${var.prefix}-orders"
  role_arn = aws_iam_role.service["pipes"].arn
  source   = aws_sqs_queue.dead.arn
  target   = aws_sfn_state_machine.orders.arn
  source_parameters {
    sqs_queue_parameters {
      batch_size = 1
    }
  }
  target_parameters {
    step_function_state_machine_parameters {
      invocation_type = "FIRE_AND_FORGET"
    }
  }
}

resource "aws_s3_bucket" "files" {
  bucket        = "${var.prefix}-files"
  force_destroy = true
}

resource "aws_s3_bucket_versioning" "files" {
  bucket = aws_s3_bucket.files.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_notification" "files" {
  bucket      = aws_s3_bucket.files.id
  eventbridge = true
  queue {
    queue_arn = aws_sqs_queue.orders.arn
    events    = ["s3:ObjectCreated:*"]
  }
  depends_on = [aws_sqs_queue_policy.orders]
}

resource "aws_s3_object" "greeting" {
  bucket  = aws_s3_bucket.files.id
  key     = "greeting.txt"
  content = var.greeting
}

resource "aws_kms_key" "orders" {
  description = "orders"
}

resource "aws_kms_alias" "orders" {
  name          = "alias/${var.prefix}-orders"
  target_key_id = aws_kms_key.orders.key_id
}

resource "aws_secretsmanager_secret" "shop" {
  name                    = "${var.prefix}/shop"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "shop" {
  secret_id     = aws_secretsmanager_secret.shop.id
  secret_string = var.greeting
}

resource "aws_ssm_parameter" "greeting" {
  name  = "/${var.prefix}/greeting"
  type  = "SecureString"
  value = var.greeting
}

output "account" { value = data.aws_caller_identity.current.account_id }
output "queue_url" { value = aws_sqs_queue.orders.id }
output "live_alias_arn" { value = aws_sfn_alias.live.arn }
output "published_versions" { value = data.aws_sfn_state_machine_versions.published.statemachine_versions }
output "machine_arn" { value = aws_sfn_state_machine.orders.arn }
