// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// Poses as a token, as an account and as somebody who is paid, and calls back whoever calls it, to have money sent to its
/// owner: for tests of contracts that must not let it.
contract TestHostile {
    address public immutable owner = msg.sender;
    bytes[] private calls;
    address[] private targets;
    uint256 private depth;

    /// What it calls from now on, whenever it is called.
    function arm(address[] calldata targets_, bytes[] calldata calls_) external {
        targets = targets_;
        delete calls;
        for (uint256 i = 0; i < calls_.length; i++) calls.push(calls_[i]);
    }

    function balanceOf(address) external pure returns (uint256) {
        return 1;
    }

    function transfer(address, uint256) external returns (bool) {
        strike();
        return true;
    }

    function flush(address) external returns (uint256) {
        strike();
        return 1;
    }

    receive() external payable {
        strike();
    }

    function strike() public {
        if (depth == 2) return;
        depth++;
        for (uint256 i = 0; i < calls.length; i++) {
            (bool done, ) = targets[i].call(calls[i]);
            done;
        }
        depth--;
    }
}
